import socket, sys
try:
    socket.create_connection(('mysql', 5432), 1).close()
except Exception as e:
    print('db is not there:', e, flush=True); sys.exit(1)
import http.server, os, sys, signal
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):

        body = ('<h1>blog</h1> ' + self.path).encode()
        self.send_response(200); self.send_header('content-type', 'text/html'); self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
port = int(os.environ.get('PORT', '80'))
print('blog on', port, flush=True)
http.server.ThreadingHTTPServer(('0.0.0.0', port), H).serve_forever()
