"""What cosmic-ray runs for each fault: `client.py MODULE SOCKET …` asks a waiting pytest, and ends with its code.

Where the first one cannot put the fault into what it has loaded, the next one is asked.
"""

import socket
import sys

NOT_HERE = 97

code = NOT_HERE
for place in sys.argv[2:]:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(place)
        server.sendall(sys.argv[1].encode() + b"\n")
        code = int(server.recv(16) or b"99")
    if code != NOT_HERE:
        break
sys.exit(code)
