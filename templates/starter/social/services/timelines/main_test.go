package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sources stands for follows and posts, and keeps what it was asked.
type sources struct {
	following []string
	posts     []Post
	asked     []*http.Request
}

func (s *sources) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r)
	if strings.HasPrefix(r.URL.Path, "/follows/") {
		_ = json.NewEncoder(w).Encode(map[string]any{"following": s.following})
		return
	}
	wanted := "," + r.URL.Query().Get("authors") + "," + r.URL.Query().Get("ids") + ","
	found := []Post{}
	for _, post := range s.posts {
		if strings.Contains(wanted, ","+post.Author+",") || strings.Contains(wanted, ","+post.ID+",") {
			found = append(found, post)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"posts": found})
}

func start(t *testing.T) (http.Handler, *sources, *fakeRedis) {
	t.Helper()
	fake, redis := startFakeRedis(t)
	from := &sources{following: []string{"grace"}}
	server := httptest.NewServer(from)
	t.Cleanup(server.Close)
	return newHandler(Timelines{Cache{redis}, server.URL, server.URL}.App), from, fake
}

func ask(handler http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("X-Request-Id", "abc-123")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

// read is the timeline of ada, as "cache: id id".
func read(t *testing.T, handler http.Handler) string {
	t.Helper()
	answer := ask(handler, "GET", "/timelines/ada", "")
	var body timeline
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("answered %d %s", answer.Code, answer.Body)
	}
	ids := []string{}
	for _, post := range body.Posts {
		ids = append(ids, post.ID)
	}
	return body.Cache + ": " + strings.Join(ids, " ")
}

func push(t *testing.T, handler http.Handler, post Post, users ...string) {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"post": post, "users": users})
	if answer := ask(handler, "POST", "/timelines", string(body)); answer.Code != http.StatusOK {
		t.Fatalf("answered %d %s", answer.Code, answer.Body)
	}
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, not %q", got, want)
	}
}

var (
	first  = Post{"1", "grace", "first", 1000}
	second = Post{"2", "grace", "second", 2000}
	third  = Post{"3", "ada", "third", 3000}
)

func TestAliveAndReady(t *testing.T) {
	handler, _, _ := start(t)
	for _, path := range []string{"/livez", "/readyz"} {
		if status := ask(handler, "GET", path, "").Code; status != http.StatusOK {
			t.Errorf("%s answered %d", path, status)
		}
	}
}

func TestAMissAsksTheSourcesAndAHitNobody(t *testing.T) {
	handler, from, _ := start(t)
	from.posts = []Post{second, first}
	expect(t, read(t, handler), "miss: 2 1")
	asked := len(from.asked)
	expect(t, read(t, handler), "hit: 2 1")
	if len(from.asked) != asked {
		t.Error("a hit has asked the sources")
	}
}

func TestDuplicatesAndTheirOrderChangeNothing(t *testing.T) {
	handler, _, _ := start(t)
	expect(t, read(t, handler), "miss: ")
	for _, post := range []Post{second, third, first, second} {
		push(t, handler, post, "ada", "linus")
	}
	expect(t, read(t, handler), "hit: 3 2 1")
}

func TestWhatIsPushedToATimelineThatNobodyHasReadYetIsNotAllOfIt(t *testing.T) {
	handler, from, _ := start(t)
	push(t, handler, second, "ada")
	from.posts = []Post{second, first}
	expect(t, read(t, handler), "miss: 2 1")
}

func TestForgettingAsksTheSourcesAgain(t *testing.T) {
	handler, from, _ := start(t)
	push(t, handler, first, "ada")
	expect(t, read(t, handler), "miss: ")
	from.posts = []Post{third}
	if status := ask(handler, "POST", "/timelines/ada/forget", "").Code; status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	expect(t, read(t, handler), "miss: 3")
}

func TestItGoesOnWithoutACache(t *testing.T) {
	handler, from, fake := start(t)
	from.posts = []Post{first}
	expect(t, read(t, handler), "miss: 1")
	fake.stop()
	expect(t, read(t, handler), "down: 1")
	if status := ask(handler, "POST", "/timelines", `{"post":{"id":"9"},"users":["ada"]}`).Code; status != http.StatusServiceUnavailable {
		t.Errorf("a push that is lost answered %d", status)
	}
}

func TestAConnectionThatDiedInThePoolIsReplaced(t *testing.T) {
	handler, _, fake := start(t)
	expect(t, read(t, handler), "miss: ")
	fake.cut()
	expect(t, read(t, handler), "hit: ")
}

func TestAPostThatTheCacheHasLostIsAskedFor(t *testing.T) {
	handler, from, fake := start(t)
	from.posts = []Post{second, first}
	expect(t, read(t, handler), "miss: 2 1")
	fake.mutex.Lock()
	delete(fake.texts, "post:1")
	fake.mutex.Unlock()
	expect(t, read(t, handler), "hit: 2 1")
}

func TestATimelineKeepsTheNewest(t *testing.T) {
	handler, _, fake := start(t)
	expect(t, read(t, handler), "miss: ")
	for i := 1; i <= keep+20; i++ {
		push(t, handler, Post{fmt.Sprintf("p%d", i), "grace", "text", int64(i)}, "ada")
	}
	fake.mutex.Lock()
	defer fake.mutex.Unlock()
	members := fake.members("timeline:ada:")
	if len(members) != keep+1 || members[0] != builtMark || members[1] != fmt.Sprintf("p%d", keep+20) {
		t.Errorf("kept %d, first %v", len(members), members[:2])
	}
}

func TestCorrelationAndDeadlineGoOn(t *testing.T) {
	handler, from, _ := start(t)
	trace := strings.Repeat("ab", 16)
	deadline := strconv.FormatInt(time.Now().Add(time.Second).UnixMilli(), 10)
	answer := ask(handler, "GET", "/timelines/ada", "", "traceparent", "00-"+trace+"-1234567812345678-01", "X-Deadline", deadline)
	expect(t, answer.Header().Get("X-Request-Id"), "abc-123")
	for _, request := range from.asked {
		expect(t, request.Header.Get("X-Request-Id"), "abc-123")
		expect(t, request.Header.Get("X-Deadline"), deadline)
		expect(t, request.Header.Get("traceparent")[3:35], trace)
	}
	if len(from.asked) != 2 {
		t.Errorf("asked %d times", len(from.asked))
	}
}

func TestNothingIsDoneAfterTheDeadline(t *testing.T) {
	handler, from, _ := start(t)
	answer := ask(handler, "GET", "/timelines/ada", "", "X-Deadline", "1000")
	if answer.Code != http.StatusGatewayTimeout || len(from.asked) > 0 {
		t.Errorf("answered %d, asked %d", answer.Code, len(from.asked))
	}
}

func TestTooManyAtOnceAre429(t *testing.T) {
	handler, _, _ := start(t)
	inflight.Add(maxInflight)
	defer inflight.Add(-maxInflight)
	answer := ask(handler, "GET", "/timelines/ada", "")
	if answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
}

func TestADeadSourceIsAProblemThatNamesIt(t *testing.T) {
	_, redis := startFakeRedis(t)
	handler := newHandler(Timelines{Cache{redis}, "http://127.0.0.1:1", "http://127.0.0.1:1"}.App)
	answer := ask(handler, "GET", "/timelines/ada", "")
	if answer.Code != http.StatusBadGateway || !strings.Contains(answer.Body.String(), "127.0.0.1:1 cannot be reached") {
		t.Errorf("answered %d %s", answer.Code, answer.Body)
	}
}

func TestWhatIsNoNameOrNoPathIsAProblem(t *testing.T) {
	handler, _, _ := start(t)
	for path, status := range map[string]int{"/timelines/A%20B": 400, "/elsewhere": 404, "/timelines/ada/other": 404} {
		answer := ask(handler, "GET", path, "")
		if answer.Code != status || answer.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s answered %d as %s", path, answer.Code, answer.Header().Get("Content-Type"))
		}
	}
}
