package queue

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/queue/lua"
)

// header is what a script says of its arguments in the comment at its top.
type header struct {
	name  string
	fixed int // ARGV[1] to this
	each  int // values for each of what follows; 0: nothing follows
}

var (
	argument = regexp.MustCompile(`ARGV\[(\d+)\]`)
	group    = regexp.MustCompile(`(?:then|ARGV) (?:(\w+) for each|(?:run )?ids)`)
	loop     = regexp.MustCompile(`for i = (\d+), #ARGV(?:, (\d+))? do|ipairs\(ARGV\)`)
	numerals = []string{"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
)

// headerOf reads the part of the comment from KEYS on, until an empty line.
func headerOf(t testing.TB, name string) (h header, body string) {
	t.Helper()
	_, text, found := strings.Cut(lua.Text(name), "-- KEYS[1] due\n")
	said, body, ended := strings.Cut(text, "--\n-- Returns")
	if !found || !ended {
		if said, body, ended = strings.Cut(text, "--\n-- A message"); !found || !ended {
			t.Fatalf("%s.lua does not say what its KEYS are, or what it returns", name)
		}
	}
	h = header{name: name, fixed: highest(said)}
	if m := group.FindStringSubmatch(strings.ReplaceAll(said, "\n-- ", " ")); m != nil {
		if h.each = 1; m[1] != "" {
			h.each = slices.Index(numerals, m[1])
		}
	}
	return h, body
}

// highest is the last ARGV that a text names.
func highest(text string) (n int) {
	for _, m := range argument.FindAllStringSubmatch(text, -1) {
		i, _ := strconv.Atoi(m[1])
		n = max(n, i)
	}
	return n
}

// Each script reads what its header says: the same ARGV, and as many values for each of
// what follows.
func TestScriptsReadWhatTheirHeadersSay(t *testing.T) {
	t.Parallel()
	for name := range scriptsByName() {
		h, body := headerOf(t, name)
		if used := highest(body); used != h.fixed {
			t.Errorf("%s.lua reads ARGV[%d], and describes %d", name, used, h.fixed)
		}
		first, step := h.fixed+1, 0
		if m := loop.FindStringSubmatch(body); m != nil {
			if step = 1; m[1] != "" {
				first, _ = strconv.Atoi(m[1])
			}
			if m[2] != "" {
				step, _ = strconv.Atoi(m[2])
			}
		}
		if first != h.fixed+1 || step != h.each {
			t.Errorf("%s.lua walks from ARGV[%d] by %d, and describes %d and then %d for each", name, first, step, h.fixed, h.each)
		}
	}
}

// calls is a hook that holds every call of a script against the script's header.
type scriptCalls struct {
	t       testing.TB
	headers map[string]header // by hash
}

func newScriptCalls(t testing.TB) *scriptCalls {
	c := &scriptCalls{t, map[string]header{}}
	for name, s := range scriptsByName() {
		c.headers[s.Hash()], _ = headerOf(t, name)
	}
	return c
}

func (c *scriptCalls) look(cmd redis.Cmder) {
	args := cmd.Args()
	if len(args) < 3 || cmd.Name() != "evalsha" && cmd.Name() != "eval" {
		return
	}
	hash := fmt.Sprint(args[1])
	if cmd.Name() == "eval" {
		sum := sha1.Sum([]byte(hash))
		hash = hex.EncodeToString(sum[:])
	}
	h, ours := c.headers[hash]
	if !ours {
		return
	}
	if keys := fmt.Sprint(args[2]); keys != "1" {
		c.t.Errorf("%s.lua was called with %s keys, want 1", h.name, keys)
	}
	n := len(args) - 4
	if more := n - h.fixed; more < 0 || more > 0 && (h.each == 0 || more%h.each != 0) {
		c.t.Errorf("%s.lua was called with %d arguments, and describes %d and then %d for each", h.name, n, h.fixed, h.each)
	}
}

func (c *scriptCalls) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *scriptCalls) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { c.look(cmd); return next(ctx, cmd) }
}

func (c *scriptCalls) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			c.look(cmd)
		}
		return next(ctx, cmds)
	}
}
