package docs

import "sync"

// Bounds of the caches, in bytes of one generation, of which there are two.
const (
	maxParts = 16 << 20
	maxTexts = 8 << 20
)

// cache keeps values up to a total size. When a generation is full, the one before it is dropped, so that what was
// not used for a while goes. Safe for concurrent use.
type cache[T any] struct {
	max int

	mu       sync.Mutex // guards the fields below
	now, old map[string]sized[T]
	size     int // of now
}

type sized[T any] struct {
	value T
	size  int
}

func newCache[T any](limit int) *cache[T] {
	return &cache[T]{max: limit, now: map[string]sized[T]{}}
}

// get returns a value that is kept.
func (c *cache[T]) get(key string) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.now[key]
	if !ok {
		if v, ok = c.old[key]; ok {
			c.keep(key, v)
		}
	}
	return v.value, ok
}

// put keeps a value of a size; one that is larger than a generation is not kept.
func (c *cache[T]) put(key string, value T, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(key, sized[T]{value, size + len(key) + 100}) // the entry itself
}

func (c *cache[T]) keep(key string, v sized[T]) {
	if _, kept := c.now[key]; kept || v.size > c.max {
		return
	}
	if c.size+v.size > c.max {
		c.old, c.now, c.size = c.now, map[string]sized[T]{}, 0
	}
	c.now[key], c.size = v, c.size+v.size
}
