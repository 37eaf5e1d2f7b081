package secretstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// files reads files below the directories of the rules.
type files struct{ directories []string }

// Read implements Source. Symbolic links are followed inside of the directory only: that is how Kubernetes replaces the files
// of a volume at once.
func (f files) Read(_ context.Context, path string) (*Document, error) {
	directory := directoryOf(f.directories, path)
	if directory == "" {
		return nil, Failure(NotAllowed, "it is a file of no directory of the rules")
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, fileFailure(err)
	}
	defer root.Close()
	file, err := root.OpenFile(strings.TrimPrefix(path, directory+"/"), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer does not block
	if err != nil {
		return nil, fileFailure(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, Failure(Invalid, "it is no regular file")
	}
	text, err := io.ReadAll(io.LimitReader(file, MaxSize+3)) // a line break more
	if err != nil {
		return nil, fileFailure(err)
	}
	return &Document{Text: trimLineEnd(string(text))}, nil
}

func fileFailure(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Failure(Missing, "there is no such file")
	case errors.Is(err, fs.ErrPermission):
		return Failure(Denied, "this process may not read the file")
	case strings.Contains(err.Error(), "path escapes from parent"): // the error of os.Root has no name
		return Failure(NotAllowed, "it is a symbolic link out of its directory")
	}
	return Failure(Unavailable, "the file cannot be read")
}
