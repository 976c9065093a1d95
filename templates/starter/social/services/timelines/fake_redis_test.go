package main

import (
	"bufio"
	"fmt"
	"math"
	"net"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeRedis knows the few commands that the cache sends, so that tests need no server.
type fakeRedis struct {
	net.Listener
	mutex sync.Mutex
	texts map[string]string
	sets  map[string]map[string]float64
	links []net.Conn
}

func startFakeRedis(t *testing.T) (*fakeRedis, *Redis) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fake := &fakeRedis{Listener: listener, texts: map[string]string{}, sets: map[string]map[string]float64{}}
	go func() {
		for {
			link, err := listener.Accept()
			if err != nil {
				return
			}
			fake.mutex.Lock()
			fake.links = append(fake.links, link)
			fake.mutex.Unlock()
			go fake.serve(link)
		}
	}()
	t.Cleanup(fake.stop)
	redis, err := NewRedis("redis://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return fake, redis
}

func (f *fakeRedis) stop() {
	f.Close()
	f.cut()
}

// cut ends every connection, as a server that is started again does.
func (f *fakeRedis) cut() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, link := range f.links {
		link.Close()
	}
	f.links = nil
}

func (f *fakeRedis) serve(link net.Conn) {
	client := &connection{link, bufio.NewReader(link)}
	for {
		command, err := client.read()
		if err != nil {
			return
		}
		if _, err := link.Write([]byte(f.answer(texts(command)))); err != nil {
			return
		}
	}
}

func (f *fakeRedis) answer(words []string) string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	switch words[0] {
	case "SET":
		f.texts[words[1]] = words[2]
		return "+OK\r\n"
	case "MGET":
		values := make([]string, 0, len(words))
		for _, key := range words[1:] {
			if text, ok := f.texts[key]; ok {
				values = append(values, bulk(text))
			} else {
				values = append(values, "$-1\r\n")
			}
		}
		return list(values)
	case "ZADD":
		score, _ := strconv.ParseFloat(words[2], 64)
		if f.sets[words[1]] == nil {
			f.sets[words[1]] = map[string]float64{}
		}
		f.sets[words[1]][words[3]] = score
		return ":1\r\n"
	case "ZREVRANGE":
		last, _ := strconv.Atoi(words[3])
		members := f.members(words[1])
		values := []string{}
		for i := 0; i <= last && i < len(members); i++ {
			values = append(values, bulk(members[i]))
		}
		return list(values)
	case "ZREMRANGEBYRANK":
		last, _ := strconv.Atoi(words[3])
		members := f.members(words[1])
		for _, member := range members[int(math.Min(float64(-last-1), float64(len(members)))):] {
			delete(f.sets[words[1]], member)
		}
		return ":0\r\n"
	case "EXPIRE":
		return ":1\r\n"
	}
	return fmt.Sprintf("-ERR unknown command '%s'\r\n", words[0])
}

// members are those of a sorted set, the highest score first.
func (f *fakeRedis) members(key string) []string {
	members := []string{}
	for member := range f.sets[key] {
		members = append(members, member)
	}
	sort.Slice(members, func(a, b int) bool {
		left, right := f.sets[key][members[a]], f.sets[key][members[b]]
		return left > right || (left == right && members[a] > members[b])
	})
	return members
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func list(values []string) string {
	return fmt.Sprintf("*%d\r\n%s", len(values), strings.Join(values, ""))
}
