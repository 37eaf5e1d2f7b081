package fileserver

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/pkg/sftp"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
)

// shortReads is a server's file of which a packet has 5,000 bytes at most.
type shortReads struct{ content []byte }

// Fileread implements sftp.FileReader.
func (s shortReads) Fileread(*sftp.Request) (io.ReaderAt, error) { return s, nil }

// ReadAt implements io.ReaderAt, but for the number of bytes.
func (s shortReads) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(s.content).ReadAt(p[:min(len(p), 5000)], at)
}

// A server may send less than it was asked for, at any place of a file.
func TestShortPackets(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 4999, 5000, 5001, packetContent, packetContent + 1, 3 * blob.Chunk} {
		content := blobtest.Content(size)
		handlers := sftp.InMemHandler()
		handlers.FileGet = shortReads{content}
		ours, theirs := net.Pipe()
		server := sftp.NewRequestServer(theirs, handlers)
		go func() { _ = server.Serve() }()
		client, err := sftp.NewClientPipe(ours, ours, sftp.UseConcurrentReads(true), sftp.MaxConcurrentRequestsPerFile(concurrentPackets))
		if err != nil {
			t.Fatal(err)
		}
		file, err := client.Open("/a")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(bufio.NewReaderSize(&packets{file: file}, blob.Chunk))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d of %d bytes, %v", len(got), size, err)
		}
		_ = server.Close()
		_ = client.Close()
	}
}
