"""cosmic-ray's command line with our faults: `python -m scripts.mutation.cosmic init|exec CONFIG SESSION`."""

from cosmic_ray import plugins
from cosmic_ray.cli import main

from scripts.mutation.faults import Faults

plugins.OPERATOR_PROVIDERS = {"chatbridge": Faults()}

if __name__ == "__main__":
    main()
