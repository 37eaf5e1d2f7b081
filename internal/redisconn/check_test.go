package redisconn_test

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

// refused returns the reason why Redis does not respond at the URL.
func refused(t *testing.T, url string) string {
	t.Helper()
	conn, err := redisconn.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err = conn.Check(ctx); err == nil {
		return ""
	}
	return err.Error()
}

func TestARedisThatRefusesIsHeardInItsOwnWords(t *testing.T) {
	t.Parallel()
	guarded := testenv.Redis(t)
	ctx, client := t.Context(), guarded.Client()
	for _, rule := range [][]any{
		{"ACL", "SETUSER", "off", "off", ">pw", "~*", "&*", "+@all"},
		{"ACL", "SETUSER", "poor", "on", ">pw", "~penstock:*", "+@read"},
		{"ACL", "SETUSER", "keys", "on", ">pw", "~penstock:*", "&*", "+@all"},
		{"ACL", "SETUSER", "scripts", "on", ">pw", "~penstock:*", "~asynq:*", "&*", "+@all", "-@scripting"},
		{"ACL", "SETUSER", "channels", "on", ">pw", "~penstock:*", "~asynq:*", "resetchannels", "+@all"},
		{"ACL", "SETUSER", "right", "on", ">pw", "~penstock:*", "~asynq:*", "&*", "+@all"},
		{"ACL", "SETUSER", "default", "on", ">hunter2"},
		{"ACL", "SETUSER", "default", "resetpass", ">hunter2"},
	} {
		if err := client.Do(ctx, rule...).Err(); err != nil {
			t.Fatalf("%v: %v", rule, err)
		}
	}
	for credential, want := range map[string]string{
		"":               `"NOAUTH Authentication required": the Redis URL names no password`,
		":wrong-secret@": `"WRONGPASS invalid username-password pair or user is disabled": check user and password`,
		"off:pw@":        `"WRONGPASS invalid`,
		"keys:pw@":       `"NOPERM this user has no permissions to access one of the keys used as arguments": the user needs`,
		"scripts:pw@":    `"NOPERM this user has no permissions to run the 'eval' command": the user needs`,
		"channels:pw@":   `"NOPERM this user has no permissions to access one of the channels used as arguments": the user needs`,
		"poor:pw@":       `"NOPERM this user has no permissions to run the 'ping' command": the user needs the rights`,
	} {
		got := refused(t, "redis://"+credential+guarded.Addr+"/0")
		// Newer servers name the user: "NOPERM User poor has no permissions".
		name, _, _ := strings.Cut(credential, ":")
		got = strings.Replace(got, "User "+name+" has", "this user has", 1)
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s; want %s", credential, got, want)
		}
		if strings.Contains(got, "wrong-secret") {
			t.Errorf("%q: the error repeats the password: %s", credential, got)
		}
	}
	if got := refused(t, "redis://right:pw@"+guarded.Addr+"/0"); got != "" {
		t.Errorf("a user with the rights that the advice names: %s", got)
	}
}

func TestARedisWithTooManyConnectionsSaysSo(t *testing.T) {
	t.Parallel()
	s := testenv.Redis(t, "--maxclients", "1")
	holdConnection(t, s.Addr)
	if got := refused(t, s.URL()); !strings.Contains(got, `"ERR max number of clients reached": raise maxclients`) {
		t.Errorf("at maxclients: %s", got)
	}
}

// holdConnection opens a connection to the server and keeps it until the test ends. The server may not have noticed
// yet that earlier ones are closed.
func holdConnection(t *testing.T, addr string) {
	t.Helper()
	for {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = conn.Write([]byte("PING\r\n"))
		if line, _ := bufio.NewReader(conn).ReadString('\n'); line == "+PONG\r\n" {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("no connection was had")
		}
	}
}

// The server accepts only loopback: the test uses another address of this machine.
func TestProtectedModeIsNamed(t *testing.T) {
	t.Parallel()
	own := ownAddress(t)
	s := testenv.Redis(t, "--bind", "127.0.0.1 "+own)
	_, port, _ := net.SplitHostPort(s.Addr)
	got := refused(t, "redis://"+net.JoinHostPort(own, port))
	if !strings.Contains(got, `"DENIED Redis is running in protected mode`) || !strings.Contains(got, "--protected-mode no") || len(got) > 400 {
		t.Errorf("in protected mode: %s", got)
	}
}

func ownAddress(t *testing.T) string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}

// TestTheFirstWordOfAServer needs no Redis: the server refuses at once and closes, as in protected mode.
func TestTheFirstWordOfAServer(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"-DENIED Redis is running in protected mode because so. More of it.\r\n": `Redis says "DENIED Redis is running in protected mode because so": set a password`,
		"-ERR something else\r\n": "ERR something else",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte(line))
				_ = conn.Close()
			}
		}()
		if got := refused(t, "redis://"+l.Addr().String()); !strings.HasPrefix(got, want) {
			t.Errorf("a server that says %q and closes: %s; want %s", line, got, want)
		}
	}
}

func TestANobodyIsTheNetworksError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if got := refused(t, "redis://"+addr); !strings.Contains(got, "connection refused") {
		t.Errorf("nobody listens: %s", got)
	}
}

// A Redis without TLS does not respond to a TLS client; the error names the cause.
func TestARedisWithoutTLSIsNamed(t *testing.T) {
	t.Parallel()
	conn, err := redisconn.Parse("rediss://" + testenv.Redis(t).Addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := conn.Ping(ctx); err == nil || !strings.Contains(err.Error(), "TLS") || !strings.Contains(err.Error(), "redis://") {
		t.Errorf("%v", err)
	}
}
