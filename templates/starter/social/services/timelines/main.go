// The service timelines: what the people whom somebody follows have posted, newest first. It answers from its cache and
// asks follows and posts where that has nothing; without the cache it is slower and still right.
// service.go holds what every service does the same way.
package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Post is what the service posts says of one.
type Post struct {
	ID        string `json:"id"`
	Author    string `json:"author"`
	Text      string `json:"text"`
	CreatedAt int64  `json:"createdAt"` // ms since 1970
}

// Timelines is the service's app.
type Timelines struct {
	cache      Cache
	followsURL string
	postsURL   string
}

const maxPosts = 50

var userForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,30}$`)

// App routes: GET /timelines/USER, POST /timelines/USER/forget, POST /timelines to push a post.
func (t Timelines) App(call *Call) (any, error) {
	parts := strings.Split(strings.Trim(call.Path, "/"), "/")
	if parts[0] != "timelines" || len(parts) > 3 {
		return nil, Problem{http.StatusNotFound, "nothing at " + call.Path}
	}
	if len(parts) == 1 {
		return t.push(call)
	}
	user := parts[1]
	if !userForm.MatchString(user) {
		return nil, Problem{http.StatusBadRequest, "not a name: " + strconv.Quote(user)}
	}
	switch {
	case len(parts) == 2 && call.Method == http.MethodGet:
		return t.read(call, user)
	case len(parts) == 3 && parts[2] == "forget" && call.Method == http.MethodPost:
		if err := t.cache.Forget(call.Context(), user); err != nil {
			return nil, Problem{http.StatusServiceUnavailable, "the cache of timelines does not answer"}
		}
		return map[string]string{"forgotten": user}, nil
	}
	return nil, Problem{http.StatusNotFound, "nothing at " + call.Method + " " + call.Path}
}

// push is what fanout does with a new post. It may come twice, and in any order.
func (t Timelines) push(call *Call) (any, error) {
	if call.Method != http.MethodPost {
		return nil, Problem{http.StatusMethodNotAllowed, "POST a post and its users here"}
	}
	body, err := call.Body()
	if err != nil {
		return nil, err
	}
	var asked struct {
		Post  Post     `json:"post"`
		Users []string `json:"users"`
	}
	if err := json.Unmarshal(body, &asked); err != nil || asked.Post.ID == "" {
		return nil, Problem{http.StatusBadRequest, `the body is not {"post": {…}, "users": […]}`}
	}
	if err := t.cache.Push(call.Context(), asked.Users, asked.Post); err != nil {
		call.Log.Error("the cache cannot be written: " + err.Error())
		return nil, Problem{http.StatusServiceUnavailable, "the cache of timelines does not answer"}
	}
	call.Log.Info("pushed", "post", asked.Post.ID, "users", len(asked.Users))
	return map[string]int{"pushed": len(asked.Users)}, nil
}

type timeline struct {
	User  string `json:"user"`
	Posts []Post `json:"posts"`
	// hit, miss, or down where the cache does not answer and the sources were asked
	Cache string `json:"cache"`
}

func (t Timelines) read(call *Call, user string) (any, error) {
	ids, isBuilt, generation, cacheError := t.cache.Read(call.Context(), user, maxPosts)
	if cacheError == nil && isBuilt {
		posts, err := t.postsOf(call, ids)
		return timeline{user, posts, "hit"}, err
	}
	posts, err := t.ask(call, user)
	if err != nil {
		return nil, err
	}
	if cacheError == nil {
		cacheError = t.cache.Fill(call.Context(), user, generation, posts)
	}
	if cacheError != nil {
		call.Log.Warn("the cache does not answer: " + cacheError.Error())
		return timeline{user, posts, "down"}, nil
	}
	return timeline{user, posts, "miss"}, nil
}

// ask makes a timeline from its sources: whom the user follows, and what they and the user posted.
func (t Timelines) ask(call *Call, user string) ([]Post, error) {
	var follows struct {
		Following []string `json:"following"`
	}
	if err := call.Get(t.followsURL+"/follows/"+url.PathEscape(user), &follows); err != nil {
		return nil, err
	}
	authors := append(follows.Following, user)
	return t.askPosts(call, url.Values{"authors": {strings.Join(authors, ",")}, "limit": {strconv.Itoa(maxPosts)}})
}

// postsOf are the posts of these ids, newest first: from the cache, and what it has not from the service posts.
func (t Timelines) postsOf(call *Call, ids []string) ([]Post, error) {
	found, err := t.cache.Posts(call.Context(), ids)
	if err != nil {
		call.Log.Warn("the cache does not answer: " + err.Error())
	}
	missing := []string{}
	for _, id := range ids {
		if _, ok := found[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		asked, err := t.askPosts(call, url.Values{"ids": {strings.Join(missing, ",")}})
		if err != nil {
			return nil, err
		}
		for _, post := range asked {
			found[post.ID] = post
		}
		_ = t.cache.Remember(call.Context(), asked) // only faster the next time
	}
	posts := make([]Post, 0, len(found))
	for _, post := range found {
		posts = append(posts, post)
	}
	sort.Slice(posts, func(a, b int) bool { return isNewer(posts[a], posts[b]) })
	return posts, nil
}

func isNewer(a, b Post) bool {
	if a.CreatedAt != b.CreatedAt {
		return a.CreatedAt > b.CreatedAt
	}
	return a.ID > b.ID
}

func (t Timelines) askPosts(call *Call, query url.Values) ([]Post, error) {
	var answer struct {
		Posts []Post `json:"posts"`
	}
	err := call.Get(t.postsURL+"/posts?"+query.Encode(), &answer)
	if answer.Posts == nil {
		answer.Posts = []Post{}
	}
	return answer.Posts, err
}

func main() {
	redis, err := NewRedis(env("REDIS_URL", "redis://redis:6379"))
	if err != nil {
		newLogger(os.Stdout).Error(err.Error())
		os.Exit(1)
	}
	timelines := Timelines{
		cache:      Cache{redis},
		followsURL: env("FOLLOWS_URL", "http://follows:8080"),
		postsURL:   env("POSTS_URL", "http://posts:8080"),
	}
	serve(timelines.App)
}
