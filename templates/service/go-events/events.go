// Events: how they are read, tried, tried again, given up and sent.
//
// It is yours. On the wire all is as in every service of the project: subjects events.<type>, the Envelope, dead letters that
// camp dlq lists and replays.
//
// An event comes at least once. It is marked as done in the broker's own store, bucket inbox, after the handler has returned,
// and acknowledged after that: from then on it is never handled again, by no replica and after no restart. Between the two
// lies one gap: a process that is killed after the work and before the mark does the work again. Work that must not happen
// twice belongs into a database, in one transaction with the mark:
//
//	insert into inbox (consumer, event_id) values (…) on conflict do nothing   -- no row: it has been done, do nothing
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
)

// the fifth failure is the last one
const attempts = 5

// Terminal is the error of a handler when no further try can help: the event goes to the dead letters at once.
type Terminal struct{ Reason string }

func (t Terminal) Error() string { return t.Reason }

// Unavailable says that what is needed cannot be reached at the moment: in a handler tried again and never counted, in a request
// a 503.
type Unavailable struct{ Reason string }

func (u Unavailable) Error() string { return u.Reason }

// As makes a Problem of it where a request meets it.
func (u Unavailable) As(target any) bool {
	problem, ok := target.(*Problem)
	if ok {
		*problem = Problem{http.StatusServiceUnavailable, u.Reason}
	}
	return ok
}

// Envelope is an event on the wire, the same in every language.
type Envelope struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Source      string          `json:"source"`
	Time        string          `json:"time"`
	Data        json.RawMessage `json:"data"`
	RequestID   string          `json:"requestId"`
	Traceparent string          `json:"traceparent"`
}

func (e Envelope) headers() map[string]string {
	return map[string]string{"x-request-id": e.RequestID, "traceparent": e.Traceparent}
}

// Letter is what has been given up.
type Letter struct {
	Event    Envelope `json:"event"`
	Consumer string   `json:"consumer"`
	Reason   string   `json:"reason"`
	Attempts uint64   `json:"attempts"`
	Time     string   `json:"time"`
}

// Verdict is what becomes of a message: a dead letter, another try after a while, else it is done.
type Verdict struct {
	Letter *Letter
	Again  time.Duration
}

// Event is one event, as a handler sees it.
type Event struct {
	Envelope
	Deliveries uint64 // 1 the first time
	// Call is to ask other services (which are not to try again: the broker does) and to log with the ids of the event.
	Call     *Call
	consumer string
	sent     int
	events   *Events
}

// Emit sends an event that this one has led to. The next try sends the same one, which takes effect once.
func (e *Event) Emit(eventType string, data any) (string, error) {
	e.sent++
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s %s %d", e.consumer, e.ID, e.sent)))
	return e.events.send(e.Call, eventType, data, hex.EncodeToString(sum[:16]))
}

// Broker is what events are sent with and read from; tests have one of their own.
type Broker interface {
	Start(consumers map[string]string, handle func(consumer string, message Message) Verdict) error
	Trouble() string
	Publish(subject, id string, headers map[string]string, body any) error
	Recall(consumer, eventID string) (string, error)
	Remember(consumer, eventID, what string) error
	Stop()
	Drain(ctx context.Context)
}

type consumer struct {
	eventType string
	handler   func(*Event) error
}

// Events is what this service does about events; serve starts and drains it.
type Events struct {
	broker    Broker
	consumers map[string]consumer
	lock      sync.Mutex
	atWork    map[string]bool
}

func newEvents(broker Broker) *Events {
	return &Events{broker: broker, consumers: map[string]consumer{}, atWork: map[string]bool{}}
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// On has the handler called with every event of the type, several at the same time.
func (e *Events) On(eventType string, handler func(*Event) error) {
	// the broker's durable names, which hold no dots
	e.consumers[notInNames.ReplaceAllString(service+"_"+eventType, "_")] = consumer{eventType, handler}
}

// Emit sends an event that a request has led to. It returns its id once it is stored.
func (e *Events) Emit(call *Call, eventType string, data any) (string, error) {
	return e.send(call, eventType, data, randomHex(16))
}

func (e *Events) start() error {
	types := map[string]string{}
	for name, one := range e.consumers {
		types[name] = one.eventType
	}
	return e.broker.Start(types, e.handle)
}

// handle says what becomes of a message.
func (e *Events) handle(name string, message Message) Verdict {
	one := e.consumers[name]
	var envelope Envelope
	err := json.Unmarshal(message.Data, &envelope)
	if err == nil && (envelope.ID == "" || envelope.Type == "") {
		err = errors.New("it has no id or type")
	}
	if err != nil {
		return noEvent(name, one.eventType, message, err)
	}
	key := name + " " + envelope.ID
	if !e.begin(key) { // a second message of the same event
		return Verdict{Again: 500 * time.Millisecond}
	}
	defer e.end(key)
	call, done := callOf(envelope.headers())
	defer done()
	event := &Event{Envelope: envelope, Deliveries: message.Deliveries, Call: call, consumer: name, events: e}
	return e.once(name, one.handler, event)
}

func (e *Events) begin(key string) bool {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.atWork[key] {
		return false
	}
	e.atWork[key] = true
	return true
}

func (e *Events) end(key string) {
	e.lock.Lock()
	defer e.lock.Unlock()
	delete(e.atWork, key)
}

func (e *Events) once(name string, handler func(*Event) error, event *Event) Verdict {
	begin := time.Now()
	known, err := e.broker.Recall(name, event.ID)
	failed, _ := strconv.ParseUint(known, 10, 64)
	if err == nil && known != "done" {
		if err = try(handler, event); err == nil {
			err = e.broker.Remember(name, event.ID, "done")
		}
	}
	if err != nil {
		return e.afterFailure(name, event, failed+1, err)
	}
	msg := "event"
	if known == "done" {
		msg = "event again, nothing to do"
	}
	ms := float64(time.Since(begin).Microseconds()/100) / 10
	event.Call.Log.Info(msg, "type", event.Type, "eventId", event.ID, "consumer", name, "deliveries", event.Deliveries, "ms", ms)
	return Verdict{}
}

// try turns a panic of the handler into an error.
func try(handler func(*Event) error, event *Event) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			event.Call.Log.Error(string(debug.Stack()), "eventId", event.ID)
			err = fmt.Errorf("%v", cause)
		}
	}()
	return handler(event)
}

func (e *Events) afterFailure(name string, event *Event, failed uint64, err error) Verdict {
	log := event.Call.Log.With("consumer", name, "eventId", event.ID)
	reason := err.Error()
	isLast := failed >= attempts || errors.As(err, &Terminal{})
	if !errors.As(err, &Unavailable{}) {
		what := strconv.FormatUint(failed, 10)
		if isLast {
			what = "0" // so that a replay has all its tries again
		}
		if away := e.broker.Remember(name, event.ID, what); away != nil {
			err = Unavailable{away.Error()}
		}
	}
	if errors.As(err, &Unavailable{}) {
		// nobody's fault but the moment's: for ever, and not counted
		log.Warn(event.Type + " waits and is tried again: " + err.Error())
		return Verdict{Again: pause(min(event.Deliveries, 3))}
	}
	if !isLast {
		log.Warn(event.Type+" failed and is tried again: "+reason, "attempts", failed)
		return Verdict{Again: pause(failed)}
	}
	log.Error(event.Type+" goes to the dead letters: "+reason, "attempts", failed)
	envelope := event.Envelope
	envelope.RequestID, envelope.Traceparent = event.Call.RequestID, traceparentOf(event.Call)
	return Verdict{Letter: &Letter{envelope, name, reason, failed, now()}}
}

func (e *Events) send(call *Call, eventType string, data any, id string) (string, error) {
	content, err := json.Marshal(data)
	if err != nil {
		return "", err
	}
	event := Envelope{id, eventType, service, now(), content, call.RequestID, traceparentOf(call)}
	return id, e.broker.Publish("events."+eventType, id, event.headers(), event)
}

// pause before the next try: twice as long each time, 10 s at most, and never the same for those that failed together.
func pause(attempt uint64) time.Duration {
	most := min(10*time.Second, 500*time.Millisecond<<min(attempt-1, 10))
	return time.Duration((0.5 + rand.Float64()/2) * float64(most))
}

// noEvent makes a dead letter at once of what is no event, with as much of it as a person can read.
func noEvent(name, eventType string, message Message, err error) Verdict {
	call, done := callOf(message.Headers)
	defer done()
	reason := "not an event: " + err.Error()
	data, _ := json.Marshal(string(message.Data[:min(len(message.Data), 10_000)]))
	id := fmt.Sprintf("message-%d", message.Number)
	event := Envelope{id, eventType, "unknown", now(), data, call.RequestID, traceparentOf(call)}
	call.Log.Error(eventType+" goes to the dead letters: "+reason, "consumer", name, "eventId", id)
	return Verdict{Letter: &Letter{event, name, reason, message.Deliveries, now()}}
}

// callOf is what a request with these ids would be.
func callOf(ids map[string]string) (*Call, func()) {
	request, _ := http.NewRequest("EVENT", "/", nil)
	for name, value := range ids {
		request.Header.Set(name, value)
	}
	request.Header.Set("X-Retries", "0")
	call, done := newCall(request)
	return call, done
}

func traceparentOf(call *Call) string { return "00-" + call.traceID + "-" + randomHex(8) + "-01" }

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }
