import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
s.bind(("0.0.0.0",5353))
while True:
    d,a=s.recvfrom(1000); s.sendto(d,a)
