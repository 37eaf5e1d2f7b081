package flows

import (
	"context"
	"io"
	"time"
)

// SFTP implements Connections.
func (c rehearsedConnections) SFTP(ctx context.Context, name string) (SFTPServer, error) {
	_, err := c.typeName(ctx, name)
	return rehearsedFiles{c.r, name, ""}, err
}

// S3 implements Connections.
func (c rehearsedConnections) S3(ctx context.Context, name, bucket string) (Bucket, error) {
	_, err := c.typeName(ctx, name)
	return rehearsedFiles{c.r, name, bucket}, err
}

// rehearsedFiles implements SFTPServer and Bucket.
type rehearsedFiles struct {
	r          *rehearsal
	connection string
	bucket     string // empty: that of the connection, or none
}

// asked records what is asked of the other system.
func (f rehearsedFiles) asked(ctx context.Context, what, path string, more map[string]any) error {
	request := map[string]any{"connection": f.connection, "bucket": f.bucket, what: path}
	for name, v := range more {
		request[name] = v
	}
	f.r.note(ctx, request)
	return errNotSent
}

// List implements RemoteFiles.
func (f rehearsedFiles) List(ctx context.Context, at string, recursive bool, _ func(RemoteFile) error) error {
	return f.asked(ctx, "list", at, map[string]any{"recursive": recursive})
}

// Open implements RemoteFiles.
func (f rehearsedFiles) Open(ctx context.Context, path string) (io.ReadCloser, RemoteFile, error) {
	return nil, RemoteFile{}, f.asked(ctx, "get", path, nil)
}

// Put implements RemoteFiles.
func (f rehearsedFiles) Put(ctx context.Context, path string, p RemotePut) error {
	content, err := f.r.body(p.ContentType, p.Content)
	if err != nil {
		return err
	}
	return f.asked(ctx, "put", path, map[string]any{"content_type": p.ContentType, "content": content})
}

// Delete implements RemoteFiles.
func (f rehearsedFiles) Delete(ctx context.Context, path string) error {
	return f.asked(ctx, "delete", path, nil)
}

// Move implements SFTPServer.
func (f rehearsedFiles) Move(ctx context.Context, from, to string, _ MoveOptions) error {
	return f.asked(ctx, "move", from, map[string]any{"to": to})
}

// Copy implements Bucket.
func (f rehearsedFiles) Copy(ctx context.Context, fromBucket, from, to string) error {
	return f.asked(ctx, "copy", from, map[string]any{"from_bucket": fromBucket, "to": to})
}

// Presign implements Bucket.
func (f rehearsedFiles) Presign(ctx context.Context, method, key string, expires time.Duration) (string, error) {
	return "", f.asked(ctx, "presign", key, map[string]any{"method": method, "expires": lifetime(expires)})
}
