//go:build !unix

package redischild

import (
	"errors"
	"os"
	"os/exec"
)

var errSystem = errors.New("this system has no redis-server that can be started: name one with --redis redis://…")

func lockDir(string) (*os.File, error) { return nil, errSystem }

func writePid(*os.File, int) error { return errSystem }

func startWithParent(*exec.Cmd, func(error)) error { return errSystem }
