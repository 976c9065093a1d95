import os

import psycopg
from fastapi import FastAPI

app = FastAPI()


def connect():
    return psycopg.connect(
        host=os.environ["DATABASE_HOST"], dbname="notes", user="postgres", password=os.environ["POSTGRES_PASSWORD"]
    )


@app.get("/health")
def health():
    return {"ok": True}


@app.get("/")
def notes():
    with connect() as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes ORDER BY id")]
