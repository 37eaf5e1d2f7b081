package testenv

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// brokerLimit is the maximum time for a message broker to answer.
const brokerLimit = 60 * time.Second

// RabbitMQ starts a RabbitMQ server on a free loopback port, with the user guest, whose password is guest, and waits until it
// answers. The test is skipped where the program is not installed.
func RabbitMQ(t testing.TB) (port string) {
	t.Helper()
	// Not the one in the path, which changes the user.
	path := brokerProgram(t, "rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")
	dir := shortDir(t)
	port = freePort(t)
	distribution, names := freePort(t), freePort(t)
	// Erlang's server of names is the test's own: one that RabbitMQ starts would outlive it.
	startBroker(t, names, "epmd", brokerProgram(t, "epmd"), nil, "-port", names, "-address", "127.0.0.1")
	startBroker(t, port, "RabbitMQ", path, []string{
		"HOME=" + dir, "RUNNING_UNDER_SYSTEMD=1", "RABBITMQ_NODENAME=test" + port + "@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT=" + port,
		"RABBITMQ_DIST_PORT=" + distribution, "RABBITMQ_MNESIA_BASE=" + dir, "RABBITMQ_LOG_BASE=" + dir, "RABBITMQ_LOGS=-", "RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"), "RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "none"),
		"ERL_EPMD_PORT=" + names, "ERL_EPMD_ADDRESS=127.0.0.1", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	})
	return port
}

// shortDir returns a directory of the test with a short path, as sockets need it.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "penstock-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// brokerProgram returns the path of a program; it skips the test if there is none.
func brokerProgram(t testing.TB, name string, paths ...string) string {
	t.Helper()
	for _, path := range paths {
		if isFile(path) {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	return path
}

// startBroker starts a server, and waits until it accepts connections at the port.
func startBroker(t testing.TB, port, name, path string, env []string, args ...string) *Child {
	t.Helper()
	c := Start(t, name, path, env, args...)
	for deadline := time.Now().Add(brokerLimit); ; {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			_ = conn.Close()
			return c
		}
		select {
		case <-c.Ended():
			t.Fatalf("%s ended", name)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer", name)
		}
	}
}
