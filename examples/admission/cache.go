package main

import (
	"container/list"
	"sync"
	"time"
)

// A cache keeps the decisions that were made last, for a while.
type cache struct {
	max int           // how many; 0 keeps none
	ttl time.Duration // how long
	now func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element
	order   list.List // of *cached, the one that was asked for last in front
}

type cached struct {
	key     string
	d       decision
	expires time.Time
}

func newCache(max int, ttl time.Duration) *cache {
	return &cache{max: max, ttl: ttl, now: time.Now, entries: make(map[string]*list.Element)}
}

func (c *cache) get(key string) (decision, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return decision{}, false
	}
	if v := e.Value.(*cached); c.now().Before(v.expires) {
		c.order.MoveToFront(e)
		return v.d, true
	}
	c.remove(e)
	return decision{}, false
}

func (c *cache) put(key string, d decision) {
	if c.max <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.remove(e)
	}
	c.entries[key] = c.order.PushFront(&cached{key, d, c.now().Add(c.ttl)})
	for len(c.entries) > c.max {
		c.remove(c.order.Back())
	}
}

func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

func (c *cache) remove(e *list.Element) {
	delete(c.entries, e.Value.(*cached).key)
	c.order.Remove(e)
}
