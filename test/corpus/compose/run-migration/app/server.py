from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with psycopg.connect(host="db", user="app", password="app", dbname="app") as connection:
            text = connection.execute("SELECT at FROM done").fetchone()[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


HTTPServer(("", 5000), Handler).serve_forever()
