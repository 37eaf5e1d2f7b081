package database

import (
	"context"
	"io"
	"net"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

// A row that is larger than what a driver may read as a whole fails the statement, and the pool stays usable. Not
// parallel: the test measures the heap of the process.
func TestRowsThatAreTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a database server of each kind")
	}
	for kind, db := range map[string]*Pool{
		"postgres": openPool(t, Postgres(), settingsOf(testenv.Postgres(t))),
		"mysql":    openPool(t, MySQL(), settingsOf(testenv.MariaDB(t))),
	} {
		text := func(columns, length string) (n int, err error) {
			var v string
			query := "select concat(repeat('x', " + length + ")" + strings.Repeat(", repeat('x', "+length+")", len(columns)-1) + ")"
			err = db.DB.QueryRowContext(t.Context(), query).Scan(&v)
			return len(v), err
		}
		before := totalAlloc()
		if n, err := text("..............", "10000000"); err == nil || !db.TooLarge(err) {
			t.Errorf("%s: 140 MB in one row: %d bytes, %v", kind, n, err)
		}
		t.Logf("%s: %d MiB were allocated", kind, (totalAlloc()-before)>>20)
		if made := totalAlloc() - before; made > 6*maxRow {
			t.Errorf("%s: %d MiB were allocated for a row that is refused", kind, made>>20)
		}
		if n, err := text("....", "10000000"); err != nil || n != 40_000_000 {
			t.Errorf("%s: 40 MB afterwards: %d bytes, %v", kind, n, err)
		}
		if err := db.DB.QueryRowContext(t.Context(), "select nothing from nowhere").Scan(new(int)); err == nil || db.TooLarge(err) {
			t.Errorf("%s: a statement that is wrong: %v", kind, err)
		}
	}
}

// totalAlloc returns the bytes that the process has allocated since its start.
func totalAlloc() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// SQL Server's driver reads through the same connections. There is no server to test against, so the test sends the
// bytes itself.
func TestAnswersAreCounted(t *testing.T) {
	t.Parallel()
	server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() { // two thirds of the bound for each received byte
		conn, err := server.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		question, part := make([]byte, 1), make([]byte, maxResponse/3*2)
		for {
			if _, err := io.ReadFull(conn, question); err != nil {
				return
			}
			if _, err := conn.Write(part); err != nil {
				return
			}
		}
	}()
	a := new(responseLimiter)
	conn, err := a.DialContext(context.Background(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(questions string, parts int64) error {
		if _, err := io.WriteString(conn, questions); err != nil {
			return err
		}
		_, err := io.CopyN(io.Discard, conn, parts*(maxResponse/3*2))
		return err
	}
	for range 3 {
		if err := ask("a", 1); err != nil {
			t.Fatal("within the bound:", err)
		}
	}
	if err := ask("ab", 2); err == nil || a.closed.Load() != 1 {
		t.Errorf("beyond the bound: %v, %d told", err, a.closed.Load())
	}
	pool := a.limitPool(new(Pool))
	if !pool.TooLarge(io.ErrUnexpectedEOF) || pool.TooLarge(io.ErrUnexpectedEOF) {
		t.Error("it is not told once")
	}
}
