package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Redis speaks RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/), as much of it as a cache needs:
// a pool of connections, and commands sent together in one round trip.
type Redis struct {
	address  string
	password string
	idle     chan *connection
}

type connection struct {
	net.Conn
	reader *bufio.Reader
}

const (
	redisTimeout = time.Second
	maxIdle      = 8
)

// NewRedis opens nothing yet: a cache that is away must not keep the service from starting.
func NewRedis(address string) (*Redis, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "redis" || parsed.Hostname() == "" {
		return nil, fmt.Errorf("REDIS_URL is not redis://HOST:PORT: %q", address)
	}
	port := parsed.Port()
	if port == "" {
		port = "6379"
	}
	password, _ := parsed.User.Password()
	return &Redis{net.JoinHostPort(parsed.Hostname(), port), password, make(chan *connection, maxIdle)}, nil
}

// Do sends the commands together and returns one reply each: a string, an int64, nil or []any. The first error is returned.
// All that this service sends may be done twice, so a connection that had died in the pool is replaced once.
func (r *Redis) Do(ctx context.Context, commands ...[]string) ([]any, error) {
	for {
		link, isPooled, err := r.take(ctx)
		if err != nil {
			return nil, err
		}
		replies, err := link.roundTrip(ctx, commands)
		var refused refusal
		if err == nil || errors.As(err, &refused) {
			r.give(link)
			return replies, err
		}
		link.Close()
		if !isPooled || ctx.Err() != nil {
			return nil, err
		}
	}
}

func (r *Redis) take(ctx context.Context) (link *connection, isPooled bool, err error) {
	select {
	case link := <-r.idle:
		return link, true, nil
	default:
	}
	dialer := net.Dialer{Timeout: redisTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return nil, false, err
	}
	link = &connection{conn, bufio.NewReader(conn)}
	if r.password != "" {
		if _, err := link.roundTrip(ctx, [][]string{{"AUTH", r.password}}); err != nil {
			link.Close()
			return nil, false, err
		}
	}
	return link, false, nil
}

func (r *Redis) give(link *connection) {
	select {
	case r.idle <- link:
	default:
		link.Close()
	}
}

// refusal is an error that Redis answered; the connection is as good as before.
type refusal string

func (r refusal) Error() string { return "redis: " + string(r) }

func (c *connection) roundTrip(ctx context.Context, commands [][]string) ([]any, error) {
	limit := time.Now().Add(redisTimeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(limit) {
		limit = deadline
	}
	if err := c.SetDeadline(limit); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, encode(commands)); err != nil {
		return nil, err
	}
	replies := make([]any, len(commands))
	var refused error
	for i := range commands {
		reply, err := c.read()
		if message, ok := reply.(refusal); ok && refused == nil {
			refused = message
		}
		if err != nil {
			return nil, err
		}
		replies[i] = reply
	}
	return replies, refused
}

func encode(commands [][]string) string {
	var text strings.Builder
	for _, words := range commands {
		fmt.Fprintf(&text, "*%d\r\n", len(words))
		for _, word := range words {
			fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	return text.String()
}

func (c *connection) read() (any, error) {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("redis: an empty line")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return refusal(rest), nil
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	case '$':
		return c.readBulk(rest)
	case '*':
		return c.readList(rest)
	}
	return nil, fmt.Errorf("redis: not RESP: %q", line)
}

func (c *connection) readBulk(size string) (any, error) {
	length, err := strconv.Atoi(size)
	if err != nil || length < 0 {
		return nil, err
	}
	bytes := make([]byte, length+2)
	if _, err := io.ReadFull(c.reader, bytes); err != nil {
		return nil, err
	}
	return string(bytes[:length]), nil
}

func (c *connection) readList(size string) (any, error) {
	length, err := strconv.Atoi(size)
	if err != nil || length < 0 {
		return nil, err
	}
	list := make([]any, length)
	for i := range list {
		if list[i], err = c.read(); err != nil {
			return nil, err
		}
	}
	return list, nil
}
