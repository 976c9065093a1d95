// The broker, NATS with JetStream: what is stored there under which name, and how it is read. What becomes of an event is
// decided in events.go. It is yours. The streams, subjects and headers are those of every service of the project, in whatever language.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// what a killed consumer had is delivered again after this; one that works says so three times as often
	ackWait = 5 * time.Second
	// events that one consumer of one replica works at at the same time
	lanes       = 4
	patience    = 3 * time.Second
	week        = 7 * 24 * time.Hour
	unreachable = "the broker cannot be reached"
)

var streams = []jetstream.StreamConfig{
	{Name: "events", Subjects: []string{"events.>"}, Duplicates: 2 * time.Minute, MaxAge: week},
	{Name: "dlq", Subjects: []string{"dlq.>"}, Duplicates: 2 * time.Minute},
}

// Message is one delivery, as the broker tells it.
type Message struct {
	Data       []byte
	Headers    map[string]string
	Deliveries uint64 // 1 the first time
	Number     uint64
}

// Nats connects in the background, for ever.
type Nats struct {
	url        string
	connection atomic.Pointer[nats.Conn]
	stopped    context.Context
	stop       context.CancelFunc
	atWork     sync.WaitGroup

	lock       sync.Mutex
	store      jetstream.JetStream // once all that it needs has been made
	inbox      jetstream.KeyValue
	complained time.Time
}

func newNats(url string) *Nats {
	stopped, stop := context.WithCancel(context.Background())
	return &Nats{url: url, stopped: stopped, stop: stop}
}

// Start begins to read: handle says what becomes of each message of the consumers, which are types by name.
func (n *Nats) Start(consumers map[string]string, handle func(consumer string, message Message) Verdict) error {
	connection, err := nats.Connect(n.url,
		nats.Name(service), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.Timeout(2*time.Second),
		nats.ReconnectWait(250*time.Millisecond), nats.PingInterval(2*time.Second), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(*nats.Conn, error) {
			n.forget()
			if n.stopped.Err() == nil {
				slog.Warn("lost the broker")
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { slog.Info("the broker is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.complain("the broker: " + err.Error()) }),
	)
	if err != nil {
		return err
	}
	n.connection.Store(connection)
	for name, eventType := range consumers {
		for lane := 0; lane < lanes; lane++ {
			n.atWork.Add(1)
			go n.lane(name, eventType, handle)
		}
	}
	return nil
}

// Trouble says why it cannot be used at the moment; empty where it can.
func (n *Nats) Trouble() string {
	if connection := n.connection.Load(); connection != nil && connection.IsConnected() {
		return ""
	}
	return unreachable
}

// Publish returns when the message is stored; the same id within two minutes is one message. Unavailable where it cannot.
func (n *Nats) Publish(subject, id string, headers map[string]string, body any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	message := &nats.Msg{Subject: subject, Data: content, Header: nats.Header{}}
	for name, value := range headers {
		message.Header[name] = []string{value}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	store, _, err := n.made(ctx)
	if err == nil {
		_, err = store.PublishMsg(ctx, message, jetstream.WithMsgID(id))
	}
	return n.checked(err)
}

// Recall tells what is remembered of an event: "done", how often it has failed, or nothing.
func (n *Nats) Recall(consumer, eventID string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, inbox, err := n.made(ctx)
	if err != nil {
		return "", n.checked(err)
	}
	entry, err := inbox.Get(ctx, key(consumer, eventID))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", n.checked(err)
	}
	return string(entry.Value()), nil
}

// Remember keeps it for as long as the stream keeps the event itself.
func (n *Nats) Remember(consumer, eventID, what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, inbox, err := n.made(ctx)
	if err == nil {
		_, err = inbox.PutString(ctx, key(consumer, eventID), what)
	}
	return n.checked(err)
}

// Stop takes no new events.
func (n *Nats) Stop() { n.stop() }

// Drain waits for the events at work, then says good-bye.
func (n *Nats) Drain(ctx context.Context) {
	n.stop()
	done := make(chan struct{})
	go func() {
		n.atWork.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		slog.Warn("events were not drained in time")
	}
	if n.Trouble() == "" {
		_ = n.connection.Load().FlushTimeout(time.Second)
		n.connection.Load().Close()
	}
}

// made is JetStream with the streams and the inbox in it: whoever comes first makes them, nobody changes them.
func (n *Nats) made(ctx context.Context) (jetstream.JetStream, jetstream.KeyValue, error) {
	if trouble := n.Trouble(); trouble != "" {
		return nil, nil, Unavailable{trouble}
	}
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.store != nil {
		return n.store, n.inbox, nil
	}
	store, err := jetstream.New(n.connection.Load())
	if err != nil {
		return nil, nil, err
	}
	for _, stream := range streams {
		_, err := store.Stream(ctx, stream.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			_, err = store.CreateStream(ctx, stream)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	inbox, err := store.KeyValue(ctx, "inbox")
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		inbox, err = store.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "inbox", TTL: week})
	}
	if err != nil {
		return nil, nil, err
	}
	n.store, n.inbox = store, inbox
	return store, inbox, nil
}

// forget lets everything be made again: the broker may come back without what it had.
func (n *Nats) forget() {
	n.lock.Lock()
	defer n.lock.Unlock()
	n.store, n.inbox = nil, nil
}

func (n *Nats) checked(err error) error {
	if err == nil || errors.As(err, &Unavailable{}) {
		return err
	}
	n.forget()
	return Unavailable{"the broker did not answer: " + err.Error()}
}

// source is the broker's own memory of how far this consumer is; all replicas share it.
func (n *Nats) source(name, eventType string) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(n.stopped, patience)
	defer cancel()
	store, _, err := n.made(ctx)
	if err != nil {
		return nil, n.checked(err)
	}
	return store.CreateOrUpdateConsumer(ctx, "events", jetstream.ConsumerConfig{
		Durable:       name,
		FilterSubject: "events." + eventType,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxAckPending: 1000,
		MaxDeliver:    -1,
	})
}

// lane works at one event after the other until it is told to stop, never between an event and its answer.
func (n *Nats) lane(name, eventType string, handle func(string, Message) Verdict) {
	defer n.atWork.Done()
	var source jetstream.Consumer
	for n.stopped.Err() == nil {
		var err error
		if source == nil {
			source, err = n.source(name, eventType)
		}
		if err == nil {
			err = n.next(name, source, handle)
		}
		if err == nil || n.stopped.Err() != nil {
			continue
		}
		source = nil
		n.forget()
		n.complain(name + " cannot read events at the moment: " + err.Error())
		select {
		case <-n.stopped.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// next waits for an event for some seconds, and works at it.
func (n *Nats) next(name string, source jetstream.Consumer, handle func(string, Message) Verdict) error {
	ctx, cancel := context.WithTimeout(n.stopped, 5*time.Second)
	defer cancel()
	batch, err := source.Fetch(1, jetstream.FetchContext(ctx))
	if err != nil {
		return err
	}
	for message := range batch.Messages() {
		if n.stopped.Err() != nil {
			return message.Nak() // for another replica
		}
		if err := n.work(name, message, handle); err != nil {
			return err
		}
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) {
		return err
	}
	return nil
}

func (n *Nats) work(name string, message jetstream.Msg, handle func(string, Message) Verdict) error {
	facts, err := message.Metadata()
	if err != nil {
		return err
	}
	beat := time.NewTicker(ackWait / 3)
	done := make(chan struct{})
	defer beat.Stop()
	defer close(done)
	go func() {
		for {
			select {
			case <-beat.C:
				_ = message.InProgress()
			case <-done:
				return
			}
		}
	}()
	headers := map[string]string{}
	for name, values := range message.Headers() {
		headers[name] = values[0]
	}
	verdict := handle(name, Message{message.Data(), headers, facts.NumDelivered, facts.Sequence.Stream})
	switch {
	case verdict.Letter != nil:
		// not until the dead letter is stored is the message given up; else it comes back by itself
		event := verdict.Letter.Event
		id := event.ID + "." + name + "." + verdict.Letter.Time
		if err := n.Publish("dlq."+name, id, event.headers(), verdict.Letter); err != nil {
			return err
		}
		return message.Term()
	case verdict.Again > 0:
		return message.NakWithDelay(verdict.Again)
	default:
		return message.Ack()
	}
}

// complain warns once a second at most: it may go on for long.
func (n *Nats) complain(msg string) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if time.Since(n.complained) >= time.Second {
		n.complained = time.Now()
		slog.Warn(msg)
	}
}

// key holds no blanks and the like, which ids may.
func key(consumer, eventID string) string {
	return consumer + "." + base64.RawURLEncoding.EncodeToString([]byte(eventID))
}
