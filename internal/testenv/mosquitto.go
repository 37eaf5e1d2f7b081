package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Mosquitto starts an MQTT server on a free loopback port, and waits until it answers. config are lines of its configuration: those
// of the listener; without any, everybody may do everything. The test is skipped where the program is not installed.
func Mosquitto(t testing.TB, config string) (port string) {
	t.Helper()
	path := brokerProgram(t, "mosquitto", "/usr/sbin/mosquitto")
	dir := shortDir(t)
	port = freePort(t)
	if config == "" {
		config = "allow_anonymous true"
	}
	file := filepath.Join(dir, "mosquitto.conf")
	// user root: it would give up rights that it needs to read the test's files.
	text := fmt.Sprintf("user root\npersistence false\nmax_queued_messages 0\nlistener %s 127.0.0.1\n%s\n", port, config)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startBroker(t, port, "mosquitto", path, []string{"HOME=" + dir}, "-c", file)
	return port
}
