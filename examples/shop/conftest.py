"""What ChatBridge's own tests may ask for, above all a Valkey."""

pytest_plugins = ["tests.conftest"]
