// What every service of this project does the same way: health, logs, correlation, problems, a graceful stop.
// It is yours: nothing but Go's standard library.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	bodyLimit = 1 << 20
	grace     = 8 * time.Second
	// the most that one call of another service may take; less where the caller's own deadline comes first
	callTimeout = 2 * time.Second
)

var (
	service     = env("SERVICE", "timelines")
	maxInflight = int64(number(env("MAX_INFLIGHT", "100")))
	inflight    atomic.Int64
	draining    atomic.Bool
	client      = &http.Client{}

	traceparentForm = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)
	requestIDForm   = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
	traceIDForm     = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// Call is one request, as the app sees it.
type Call struct {
	Method    string
	Path      string
	Query     url.Values
	RequestID string
	Log       *slog.Logger
	// Deadline is when the caller stops waiting: X-Deadline, else zero.
	Deadline time.Time
	traceID  string
	request  *http.Request
	ctx      context.Context
}

// App answers with what becomes JSON, or with an error: a Problem, or anything else for a 500.
type App func(call *Call) (any, error)

// Problem is sent as application/problem+json, RFC 9457.
type Problem struct {
	Status int
	Detail string
}

func (p Problem) Error() string { return p.Detail }

// Body reads the whole body; more than 1 MiB is a 413.
func (c *Call) Body() ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(c.request.Body, bodyLimit+1))
	if len(body) > bodyLimit {
		return nil, Problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", bodyLimit)}
	}
	return body, err
}

// Context ends with the caller's deadline, or when the caller hangs up.
func (c *Call) Context() context.Context { return c.ctx }

// Get asks another service once and reads its JSON: the outermost caller is the only one who asks again. What goes wrong is a
// Problem that names the service.
func (c *Call) Get(address string, into any) error {
	to, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("not an address: %q", address)
	}
	ctx, cancel := context.WithTimeout(c.ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	c.correlate(request.Header)
	if limit, ok := ctx.Deadline(); ok {
		request.Header.Set("X-Deadline", strconv.FormatInt(limit.UnixMilli(), 10))
	}
	request.Header.Set("X-Retries", "0")
	response, err := client.Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return Problem{http.StatusGatewayTimeout, to.Host + " does not answer in time"}
	}
	if err != nil {
		return Problem{http.StatusBadGateway, to.Host + " cannot be reached"}
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable {
		return Problem{http.StatusServiceUnavailable, to.Host + " is busy"}
	}
	if response.StatusCode >= 300 {
		return Problem{http.StatusBadGateway, fmt.Sprintf("%s answered %d", to.Host, response.StatusCode)}
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return Problem{http.StatusBadGateway, to.Host + " did not answer with JSON"}
	}
	return nil
}

func (c *Call) correlate(header http.Header) {
	header.Set("X-Request-Id", c.RequestID)
	header.Set("traceparent", "00-"+c.traceID+"-"+randomHex(8)+"-01")
}

// newHandler is the service without a port: serve listens with it, tests call it.
func newHandler(app App) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		call, cancel := newCall(r)
		defer cancel()
		body, err := reply(app, call)
		status := http.StatusOK
		contentType := "application/json"
		if err != nil {
			status, body = problem(call, err)
			contentType = "application/problem+json"
		}
		call.correlate(w.Header())
		w.Header().Set("Content-Type", contentType)
		if draining.Load() {
			w.Header().Set("Connection", "close")
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_ = json.NewEncoder(w).Encode(body)
		}
		if call.Path == "/livez" || call.Path == "/readyz" {
			return
		}
		level := slog.LevelInfo
		if status >= 500 {
			level = slog.LevelError
		}
		ms := float64(time.Since(begin).Microseconds()) / 1000
		call.Log.Log(r.Context(), level, "request", "method", call.Method, "path", call.Path, "status", status, "ms", ms)
	})
}

func reply(app App, call *Call) (body any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v\n%s", cause, debug.Stack())
		}
	}()
	switch call.Path {
	case "/livez":
		return map[string]string{"status": "alive"}, nil
	case "/readyz":
		if draining.Load() {
			return nil, Problem{http.StatusServiceUnavailable, "draining"}
		}
		return map[string]string{"status": "ready"}, nil
	}
	if call.ctx.Err() != nil {
		return nil, Problem{http.StatusGatewayTimeout, "the deadline of this request has passed"}
	}
	defer inflight.Add(-1)
	if inflight.Add(1) > maxInflight {
		return nil, Problem{http.StatusTooManyRequests, "too many requests at once"}
	}
	return app(call)
}

func problem(call *Call, err error) (int, any) {
	var known Problem
	if !errors.As(err, &known) {
		call.Log.Error(err.Error())
		known = Problem{http.StatusInternalServerError, "something went wrong here; the log has it under this request id"}
	}
	return known.Status, map[string]any{
		"type":      "about:blank",
		"title":     http.StatusText(known.Status),
		"status":    known.Status,
		"detail":    known.Detail,
		"instance":  call.Path,
		"requestId": call.RequestID,
	}
}

// newCall ends its context with the deadline that the caller set. It takes the correlation from X-Request-Id (the edge sets it), else from traceparent (W3C Trace Context), else makes one.
func newCall(r *http.Request) (*Call, context.CancelFunc) {
	trace := ""
	if match := traceparentForm.FindStringSubmatch(r.Header.Get("traceparent")); match != nil {
		trace = match[1]
	}
	requestID := r.Header.Get("X-Request-Id")
	if !requestIDForm.MatchString(requestID) {
		requestID = trace
	}
	if requestID == "" {
		requestID = randomHex(16)
	}
	if trace == "" {
		trace = strings.ToLower(strings.ReplaceAll(requestID, "-", ""))
	}
	if !traceIDForm.MatchString(trace) {
		trace = randomHex(16)
	}
	call := &Call{
		Method:    r.Method,
		Path:      r.URL.Path,
		Query:     r.URL.Query(),
		RequestID: requestID,
		Log:       slog.With("traceId", trace, "requestId", requestID),
		traceID:   trace,
		request:   r,
		ctx:       r.Context(),
	}
	if ms, err := strconv.ParseInt(r.Header.Get("X-Deadline"), 10, 64); err == nil {
		call.Deadline = time.UnixMilli(ms)
		var cancel context.CancelFunc
		call.ctx, cancel = context.WithDeadline(call.ctx, call.Deadline)
		return call, cancel
	}
	return call, func() {}
}

// serve listens on PORT (8080) and, for a container's sake, on every interface; camp sets HOST to loopback.
// SIGTERM: not ready any more, no new connections, 8 s for what is in flight, exit 0. A second signal ends it at once.
func serve(app App) {
	slog.SetDefault(newLogger(os.Stdout))
	// Idle longer than the edge keeps a connection (2 min): the side that reuses it must be the one that closes it.
	server := &http.Server{Handler: newHandler(app), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 125 * time.Second}
	address := net.JoinHostPort(env("HOST", "0.0.0.0"), env("PORT", "8080"))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		slog.Error("cannot listen: " + err.Error())
		os.Exit(1)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { _ = server.Serve(listener) }()
	slog.Info("listening", "address", listener.Addr().String())

	<-signals
	draining.Store(true)
	slog.Info("draining")
	go func() {
		<-signals
		os.Exit(1)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_ = server.Shutdown(ctx) // closes idle connections too; what is still in flight after the grace is cut
}

// newLogger writes one JSON object a line, with the keys that every service of the project uses.
func newLogger(to io.Writer) *slog.Logger {
	rename := func(_ []string, attribute slog.Attr) slog.Attr {
		if attribute.Key == slog.LevelKey {
			return slog.String("level", strings.ToLower(attribute.Value.String()))
		}
		return attribute
	}
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{ReplaceAttr: rename})).With("service", service)
}

func randomHex(bytes int) string {
	buffer := make([]byte, bytes)
	_, _ = rand.Read(buffer)
	return hex.EncodeToString(buffer)
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		slog.Error("not a positive number: " + text)
		os.Exit(1)
	}
	return value
}
