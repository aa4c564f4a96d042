package inspect

import (
	"context"
	"slices"
	"sync"
)

// A cache keeps what was made of some bytes, by their digest, so that it is made
// once for all who ask, also for those who ask at the same time.
type cache[T any] struct {
	slots  chan struct{} // how many may be made at a time, of all caches that share it
	sizeOf func(T) int64 // in bytes, more or less

	mu      sync.Mutex
	entries map[string]*entry[T]
	order   []string // keys of what is made and kept, the last one that was asked for at the end
	size    int64    // of all of these
}

type entry[T any] struct {
	made  chan struct{} // closed when it is made, or will not be
	value T
	ok    bool // if it is made
}

func newCache[T any](slots chan struct{}, sizeOf func(T) int64) *cache[T] {
	return &cache[T]{slots: slots, sizeOf: sizeOf, entries: make(map[string]*entry[T])}
}

// get returns what is kept under key, or what is made now. It is kept if there is
// no error; who waits for a failure tries it again for himself.
func (c *cache[T]) get(ctx context.Context, key string, create func() (T, error)) (T, error) {
	var none T
	for {
		c.mu.Lock()
		e, found := c.entries[key]
		if !found {
			e = &entry[T]{made: make(chan struct{})}
			c.entries[key] = e
		} else if i := slices.Index(c.order, key); i >= 0 {
			c.order = append(slices.Delete(c.order, i, i+1), key)
		}
		c.mu.Unlock()
		if !found {
			return c.make(ctx, key, e, create)
		}
		select {
		case <-e.made:
			if e.ok {
				return e.value, nil
			}
		case <-ctx.Done():
			return none, context.Cause(ctx)
		}
	}
}

func (c *cache[T]) make(ctx context.Context, key string, e *entry[T], create func() (T, error)) (value T, err error) {
	// Also if create panics, nobody waits forever.
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.ok {
			c.keep(key, e)
		} else {
			delete(c.entries, key)
		}
		close(e.made)
	}()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
	if value, err = create(); err == nil {
		e.value, e.ok = value, true
	}
	return value, err
}

// keep counts e, and forgets what was not asked for the longest if there is too much.
// The last one is kept however large it is, because a policy asks several
// questions about it.
func (c *cache[T]) keep(key string, e *entry[T]) {
	c.order = append(c.order, key)
	c.size += c.sizeOf(e.value)
	for len(c.order) > 1 && (c.size > maxKept || len(c.order) > maxEntries) {
		c.size -= c.sizeOf(c.entries[c.order[0]].value)
		delete(c.entries, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
}
