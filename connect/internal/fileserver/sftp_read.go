package fileserver

import (
	"bufio"
	"context"
	"io"
	"os"
	"path"

	"github.com/pkg/sftp"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
)

// List implements flows.RemoteFiles.
func (f *SFTPServer) List(ctx context.Context, at string, recursive bool, each func(flows.RemoteFile) error) error {
	var told error // of each
	err := f.with(ctx, maxListing, func(s *sftpSession) error {
		for dirs := []string{serverPath(at)}; len(dirs) > 0; {
			dir := dirs[0]
			dirs = dirs[1:]
			infos, err := s.ReadDir(dir)
			if err != nil {
				return &pathError{dir, err}
			}
			for _, info := range infos {
				at := path.Join(dir, info.Name())
				switch {
				case info.IsDir() && recursive:
					dirs = append(dirs, at)
				case temporaryNames.MatchString(info.Name()): // of a put, which goes on or was interrupted
				case info.Mode().IsRegular():
					if told = each(remoteFile(at, info)); told != nil {
						return nil
					}
				}
			}
		}
		return nil
	})
	if told != nil {
		return told
	}
	return err
}

func remoteFile(at string, info os.FileInfo) flows.RemoteFile {
	return flows.RemoteFile{Path: nameText(at), Size: info.Size(), Modified: info.ModTime().UTC()}
}

// Open implements flows.RemoteFiles. The session belongs to the reader until it is closed.
func (f *SFTPServer) Open(ctx context.Context, at string) (io.ReadCloser, flows.RemoteFile, error) {
	s, err := f.sessions.take(ctx)
	if err != nil {
		return nil, flows.RemoteFile{}, err
	}
	s.limit(unbounded) // the caller bounds what it reads
	r := &sftpReader{ctx: ctx, server: f, session: s, stop: context.AfterFunc(ctx, func() { _ = s.conn.Close() })}
	at = serverPath(at)
	info, err := s.Stat(at)
	switch {
	case err != nil:
	case info.IsDir():
		err = errDirectory
	case !info.Mode().IsRegular(): // a server that opens a named pipe waits for another program
		err = errNoFile
	default:
		if r.file, err = s.Open(at); err == nil {
			r.before = info
			r.content = bufio.NewReaderSize(&packets{file: r.file}, blob.Chunk) // several packets at once
			return r, remoteFile(at, info), nil
		}
	}
	r.err = err
	_ = r.Close()
	return nil, flows.RemoteFile{}, f.callError(ctx, s, &pathError{at, err})
}

// packets reads a file by several packets at once. The library takes a packet that is shorter than it was asked for as the end of the
// file, which a server may send at any place (version 3 of SFTP, section 6.4). The end counts when a read of one packet finds it.
type packets struct {
	file   io.Reader
	single bool // one packet at once
}

const packetContent = 32 << 10 // bytes of a file in a packet

// Read implements io.Reader.
func (r *packets) Read(p []byte) (int, error) {
	if !r.single {
		n, err := r.file.Read(p)
		if err != io.EOF {
			return n, err
		}
		if r.single = true; n > 0 {
			return n, nil
		}
	}
	return r.file.Read(p[:min(len(p), packetContent)])
}

// sftpReader reads a file of a server.
type sftpReader struct {
	ctx     context.Context
	server  *SFTPServer
	session *sftpSession
	file    *sftp.File  // nil: it was not opened
	before  os.FileInfo // when it was opened
	content io.Reader
	read    int64 // bytes
	stop    func() bool
	err     error // of the server
}

// Read implements io.Reader. A file that changes in the meantime is an error. Files without a size, as of /proc, have a content.
func (r *sftpReader) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	r.read += int64(n)
	if err == io.EOF {
		var after os.FileInfo
		if after, err = r.file.Stat(); err == nil {
			if err = io.EOF; after.Size() != 0 && after.Size() != r.read || after.Size() != r.before.Size() || !after.ModTime().Equal(r.before.ModTime()) {
				return n, r.changed(after)
			}
		}
	}
	if err != nil && err != io.EOF {
		r.err = err
		err = r.server.callError(r.ctx, r.session, err)
	}
	return n, err
}

func (r *sftpReader) changed(after os.FileInfo) error {
	return server.Failure(r.server.name, "the file has changed while it was read: %d bytes came, of %d at first and %d in the end", r.read, r.before.Size(), after.Size())
}

// Close implements io.Closer.
func (r *sftpReader) Close() error {
	if r.session == nil {
		return nil
	}
	if r.file != nil {
		_ = r.file.Close()
	}
	r.server.sessions.release(r.session, r.stop() && isAnswer(r.err))
	r.session = nil
	return nil
}
