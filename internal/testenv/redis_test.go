package testenv_test

import (
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

func TestRedisKeepsItsDataOverAKill(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	ctx := t.Context()
	client := server.Client()
	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatalf("set: %v", err)
	}
	pid := server.Pid()
	server.Kill()
	server.Restart()
	if server.Pid() == pid {
		t.Errorf("the process id is still %d after a restart", pid)
	}
	if got, err := client.Get(ctx, "k").Result(); err != nil || got != "v" {
		t.Errorf("get after kill and restart = %q, %v; want %q", got, err, "v")
	}
}

func TestTwoServersDoNotShare(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	a, b := testenv.Redis(t), testenv.Redis(t)
	if err := a.Client().Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatalf("set: %v", err)
	}
	if n, err := b.Client().DBSize(ctx).Result(); err != nil || n != 0 {
		t.Errorf("the other server has %d keys (%v), want 0", n, err)
	}
}
