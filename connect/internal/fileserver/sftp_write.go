package fileserver

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"syscall"

	"github.com/penstock/penstock/flows"
)

// Put implements flows.RemoteFiles: the file is written under a temporary name in the same directory, and renamed.
func (f *SFTPServer) Put(ctx context.Context, at string, p flows.RemotePut) error {
	at = serverPath(at)
	dir, name := path.Split(at)
	temporary := dir + temporaryName(name, p.Temporary)
	var own error // of the content
	err := f.with(ctx, unbounded, func(s *sftpSession) error {
		if p.Keep {
			if _, err := s.Lstat(at); err == nil {
				return &pathError{at, errExists}
			}
		}
		if err := s.parents(dir, p.Parents); err != nil {
			return err
		}
		file, err := s.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return &pathError{at, err}
		}
		source := &contentReader{Reader: p.Content}
		_, err = file.ReadFromWithConcurrency(source, concurrentPackets)
		if own = source.err; own != nil {
			err = own
		}
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err == nil {
			err = s.rename(temporary, at, p.Keep)
		}
		if err != nil {
			_ = s.Remove(temporary) // else the next attempt writes it again
			return &pathError{at, err}
		}
		return nil
	})
	if own != nil {
		return own
	}
	return err
}

// contentReader keeps the error of a content apart from those of the server.
type contentReader struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *contentReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// parents creates the missing directories of a path, if it may.
func (s *sftpSession) parents(dir string, create bool) error {
	if !create || dir == "" {
		return nil
	}
	err := s.MkdirAll(path.Clean(dir))
	if errors.Is(err, syscall.ENOTDIR) {
		err = errParent
	}
	if err != nil {
		return &pathError{dir, err}
	}
	return nil
}

// rename gives a file its name. Without keep it replaces a file of that name, at once where the server can
// (posix-rename@openssh.com).
func (s *sftpSession) rename(from, to string, keep bool) error {
	if keep {
		return s.Rename(from, to) // fails if to is there, by the protocol
	}
	if _, atomic := s.HasExtension("posix-rename@openssh.com"); atomic {
		return s.PosixRename(from, to)
	}
	err := s.Rename(from, to)
	if err == nil {
		return nil
	}
	if removed := s.Remove(to); removed != nil {
		return err
	}
	return s.Rename(from, to)
}

// Delete implements flows.RemoteFiles.
func (f *SFTPServer) Delete(ctx context.Context, at string) error {
	at = serverPath(at)
	return f.with(ctx, packetSize, func(s *sftpSession) error {
		if info, err := s.Lstat(at); err == nil && info.IsDir() {
			return &pathError{at, errDirectory}
		}
		if err := s.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
			return &pathError{at, err}
		}
		return nil
	})
}

// Move implements flows.SFTPServer.
func (f *SFTPServer) Move(ctx context.Context, from, to string, o flows.MoveOptions) error {
	from, to = serverPath(from), serverPath(to)
	return f.with(ctx, packetSize, func(s *sftpSession) error {
		_, there := s.Lstat(to)
		if _, err := s.Lstat(from); errors.Is(err, os.ErrNotExist) && there == nil {
			return nil // an earlier attempt has moved it
		} else if err != nil {
			return &pathError{from, err}
		}
		if o.Keep && there == nil {
			return &pathError{to, errExists}
		}
		if err := s.parents(path.Dir(to), o.Parents); err != nil {
			return err
		}
		if err := s.rename(from, to, o.Keep); err != nil {
			return &pathError{from, err}
		}
		return nil
	})
}
