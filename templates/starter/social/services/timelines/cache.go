package main

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// Cache keeps, for each user, the ids of the newest posts of whom they follow, and the posts themselves.
//
// A timeline is a sorted set, so that a post that is pushed twice is there once. It belongs to a generation of its user:
// Forget starts the next one, and whoever still writes to the old one does no harm. The member `built` says that the set
// was filled from the sources; it is not there yet where posts were only pushed. All of it expires: a cache that missed
// something is right again after lifetime.
type Cache struct{ redis *Redis }

const (
	lifetime  = 10 * time.Minute
	keep      = 200
	builtMark = "built"
)

var seconds = strconv.Itoa(int(lifetime / time.Second))

// Read returns the ids of the newest posts, newest first, and the generation. isBuilt is false where the sources must be asked.
func (c Cache) Read(ctx context.Context, user string, limit int) (ids []string, isBuilt bool, generation string, err error) {
	generations, err := c.generations(ctx, []string{user})
	if err != nil {
		return nil, false, "", err
	}
	generation = generations[0]
	replies, err := c.redis.Do(ctx, []string{"ZREVRANGE", timelineKey(user, generation), "0", strconv.Itoa(limit)})
	if err != nil {
		return nil, false, "", err
	}
	// the mark has the highest score, so it comes first
	for _, member := range texts(replies[0]) {
		if member == builtMark {
			isBuilt = true
		} else if len(ids) < limit {
			ids = append(ids, member)
		}
	}
	return ids, isBuilt, generation, nil
}

// Fill completes a timeline from its sources. What was pushed meanwhile stays.
func (c Cache) Fill(ctx context.Context, user, generation string, posts []Post) error {
	key := timelineKey(user, generation)
	commands := [][]string{{"ZADD", key, "+inf", builtMark}, {"EXPIRE", key, seconds}}
	for _, post := range posts {
		commands = append(commands, add(key, post))
	}
	_, err := c.redis.Do(ctx, append(commands, remember(posts)...)...)
	return err
}

// Push adds a post to the timelines of these users. Pushing it again changes nothing.
func (c Cache) Push(ctx context.Context, users []string, post Post) error {
	if len(users) == 0 {
		return nil
	}
	generations, err := c.generations(ctx, users)
	if err != nil {
		return err
	}
	commands := remember([]Post{post})
	for i, user := range users {
		key := timelineKey(user, generations[i])
		commands = append(commands, add(key, post),
			// never longer for the sake of a push: it must be filled anew at some time
			[]string{"EXPIRE", key, seconds, "NX"},
			[]string{"ZREMRANGEBYRANK", key, "0", strconv.Itoa(-keep - 2)})
	}
	_, err = c.redis.Do(ctx, commands...)
	return err
}

// Forget makes the next reader of this timeline ask the sources.
func (c Cache) Forget(ctx context.Context, user string) error {
	_, err := c.redis.Do(ctx, []string{"SET", generationKey(user), strconv.FormatInt(time.Now().UnixNano(), 36), "EX", "86400"})
	return err
}

// Posts returns those posts that are in the cache, by id.
func (c Cache) Posts(ctx context.Context, ids []string) (map[string]Post, error) {
	found := map[string]Post{}
	if len(ids) == 0 {
		return found, nil
	}
	command := []string{"MGET"}
	for _, id := range ids {
		command = append(command, "post:"+id)
	}
	replies, err := c.redis.Do(ctx, command)
	if err != nil {
		return found, err
	}
	for _, text := range texts(replies[0]) {
		var post Post
		if json.Unmarshal([]byte(text), &post) == nil && post.ID != "" {
			found[post.ID] = post
		}
	}
	return found, nil
}

// Remember keeps posts, not their place in any timeline.
func (c Cache) Remember(ctx context.Context, posts []Post) error {
	if len(posts) == 0 {
		return nil
	}
	_, err := c.redis.Do(ctx, remember(posts)...)
	return err
}

func (c Cache) generations(ctx context.Context, users []string) ([]string, error) {
	command := []string{"MGET"}
	for _, user := range users {
		command = append(command, generationKey(user))
	}
	replies, err := c.redis.Do(ctx, command)
	if err != nil {
		return nil, err
	}
	list := texts(replies[0])
	for len(list) < len(users) {
		list = append(list, "")
	}
	return list, nil
}

func timelineKey(user, generation string) string { return "timeline:" + user + ":" + generation }
func generationKey(user string) string           { return "generation:" + user }

func add(key string, post Post) []string {
	return []string{"ZADD", key, strconv.FormatInt(post.CreatedAt, 10), post.ID}
}

func remember(posts []Post) [][]string {
	commands := [][]string{}
	for _, post := range posts {
		text, err := json.Marshal(post)
		if err == nil {
			commands = append(commands, []string{"SET", "post:" + post.ID, string(text), "EX", "3600"})
		}
	}
	return commands
}

// texts are the strings of a list; "" stands for what Redis does not have.
func texts(reply any) []string {
	list, _ := reply.([]any)
	result := make([]string, len(list))
	for i, each := range list {
		result[i], _ = each.(string)
	}
	return result
}
