package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// NATS starts a NATS server with streams on a free loopback port, and waits until it answers. config are further lines of its
// configuration. The test is skipped where the program is not installed.
func NATS(t testing.TB, config string) (port string) {
	t.Helper()
	path := brokerProgram(t, "nats-server", "/usr/sbin/nats-server")
	dir := shortDir(t)
	port = freePort(t)
	file := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("host: 127.0.0.1\nport: %s\njetstream { store_dir: %q }\n%s\n", port, dir, config)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startBroker(t, port, "nats-server", path, []string{"HOME=" + dir}, "-c", file)
	return port
}
