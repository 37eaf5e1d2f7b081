package redischild

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// oldestMajor and oldestMinor are the minimum version: workers use BLMOVE of Redis 6.2.
const oldestMajor, oldestMinor = 6, 2

var versionText = regexp.MustCompile(`v=(\d+)\.(\d+)\.\S+`)

// findServer returns the path of the server, with a supported version.
func findServer(ctx context.Context, command string) (string, error) {
	names := []string{command}
	if command == "" {
		names = []string{"redis-server", "valkey-server"}
	}
	path, err := "", error(nil)
	for _, name := range names {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return "", errors.New("there is no redis-server on PATH: install your system's package (Debian, Ubuntu: redis-server), or name a Redis with --redis redis://…")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	found := versionText.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s does not say which version it is", path)
	}
	major, _ := strconv.Atoi(string(found[1]))
	minor, _ := strconv.Atoi(string(found[2]))
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return "", fmt.Errorf("%s is version %d.%d, which is too old: Redis %d.%d or later is needed", path, major, minor, oldestMajor, oldestMinor)
	}
	return path, nil
}
