package testenv_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

func TestProxyLosesAnAnswerAfterTheServerHasActed(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	proxy := testenv.NewProxy(t, server.Addr)
	client := redis.NewClient(&redis.Options{Addr: proxy.Addr, MaxRetries: -1})
	defer client.Close()
	ctx := t.Context()
	if err := client.Set(ctx, "plain", 1, 0).Err(); err != nil {
		t.Fatalf("through the proxy: %v", err)
	}
	proxy.LoseAnswer("marked")
	if err := client.Set(ctx, "marked", 1, 0).Err(); err == nil {
		t.Error("the answer was not lost")
	}
	if n := server.Client().Exists(ctx, "marked").Val(); n != 1 || proxy.Lost() != 1 {
		t.Errorf("the server has %d such keys, %d answers were lost; want 1 and 1", n, proxy.Lost())
	}
	if err := client.Set(ctx, "marked", 2, 0).Err(); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	proxy := testenv.NewProxy(t, testenv.Redis(t).Addr)
	client := redis.NewClient(&redis.Options{Addr: proxy.Addr, MaxRetries: -1})
	defer client.Close()
	ctx := t.Context()
	for _, refused := range []bool{false, true, false} {
		proxy.Refuse(refused)
		if err := client.Ping(ctx).Err(); (err != nil) != refused {
			// A pooled connection that was cut fails once.
			if err = client.Ping(ctx).Err(); (err != nil) != refused {
				t.Errorf("refused %v: ping: %v", refused, err)
			}
		}
	}
}
