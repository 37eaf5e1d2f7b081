package fileserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// S3 is the type of connections with such a store.
func S3() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "s3", Summary: "An S3-compatible object store: Amazon S3, MinIO, Ceph, Cloudflare R2, Backblaze B2 and others.",
		Fields: []flows.ConnectionField{
			{Name: "endpoint", Default: "https://s3.amazonaws.com", Summary: "Address of the store, such as https://s3.eu-central-1.amazonaws.com; http:// only on loopback or in `trusted_network`."},
			{Name: "region", Summary: "Region, such as `eu-central-1`; default: the store is asked."},
			{Name: "access_key_id", Required: true, Summary: "Access key ID."},
			{Name: "secret_access_key", Required: true, Secret: true, Summary: "Secret access key."},
			{Name: "session_token", Secret: true, Summary: "Session token of temporary credentials."},
			{Name: "bucket", Summary: "Bucket of steps that name none."},
			{Name: "path_style", Kind: flows.FieldChoice, Choices: []string{"auto", "true", "false"}, Default: "auto", Summary: "Whether the bucket is in the path of URLs, and not in the name of the host; `auto`: unless the store is Amazon's, Google's or Alibaba's."},
			{Name: "trusted_network", Summary: "With http://: networks of stores that receive objects unencrypted, such as `10.20.0.0/16`. The resolved address is checked for each connection."},
			{Name: "ca", Kind: flows.FieldLines, Summary: "PEM certificates of the trusted authorities, instead of the system's."},
		},
		Open: func(s flows.ConnectionSettings) (flows.Client, error) { return newS3(s) },
	}
}

// S3Store is a store of objects.
type S3Store struct {
	name      string // of the connection
	bucket    string // default; empty: none
	client    *minio.Client
	transport *http.Transport
}

func newS3(s flows.ConnectionSettings) (*S3Store, error) {
	endpoint, err := url.Parse(s.Text["endpoint"])
	if err != nil || endpoint.Scheme != "https" && endpoint.Scheme != "http" || endpoint.Hostname() == "" || endpoint.User != nil || strings.Trim(endpoint.Path, "/") != "" || endpoint.RawQuery != "" {
		return nil, errors.New("endpoint is no address such as https://s3.eu-central-1.amazonaws.com")
	}
	roots, err := server.Authorities(s)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: server.DialLimit}
	switch {
	case endpoint.Scheme == "http":
		plain, err := server.NewPlainDial("http://", endpoint.Hostname(), s.Text["trusted_network"])
		if err != nil {
			return nil, err
		}
		dialer.Control = plain.Control
	case s.Text["trusted_network"] != "":
		return nil, errors.New("trusted_network has a meaning with http:// only")
	}
	store := &S3Store{name: s.Connection, bucket: s.Text["bucket"], transport: &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: server.DialLimit,
		IdleConnTimeout: server.IdleLife, MaxIdleConnsPerHost: 16, ExpectContinueTimeout: time.Second, DisableCompression: true, ForceAttemptHTTP2: true,
	}}
	lookup := map[string]minio.BucketLookupType{"true": minio.BucketLookupPath, "false": minio.BucketLookupDNS}[s.Text["path_style"]]
	store.client, err = minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(s.Text["access_key_id"], s.Text["secret_access_key"], s.Text["session_token"]),
		Secure: endpoint.Scheme == "https", Region: s.Text["region"], BucketLookup: lookup, Transport: boundedAnswers{store.transport}, MaxRetries: 3,
	})
	if err != nil {
		return nil, errors.New("endpoint and region make no store")
	}
	return store, nil
}

// maxS3Answer is the maximum size in bytes of an answer that is no object: of a list with 1,000 keys, which the library decodes as
// a whole.
const maxS3Answer = 8_000_000

// errNoList says that a store answered a request for a list with something else, which the library reads as an empty list.
var errNoList = errors.New("no list")

// boundedAnswers bounds the answers that are no objects, and checks those that are lists.
type boundedAnswers struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b boundedAnswers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.base.RoundTrip(req)
	if err == nil && (req.Method != http.MethodGet || req.URL.RawQuery != "" || resp.StatusCode/100 != 2) {
		content := bufio.NewReader(io.LimitReader(resp.Body, maxS3Answer))
		if req.Method == http.MethodGet && req.URL.Query().Has("list-type") && resp.StatusCode/100 == 2 {
			if start, _ := content.Peek(1024); !bytes.Contains(start, []byte("<ListBucketResult")) {
				_ = resp.Body.Close()
				return nil, errNoList
			}
		}
		resp.Body = struct {
			io.Reader
			io.Closer
		}{content, resp.Body}
	}
	return resp, err
}

// In returns a bucket of the store; an empty name is that of the connection.
func (s *S3Store) In(bucket string) (*s3Bucket, error) {
	if bucket == "" {
		bucket = s.bucket
	}
	if bucket == "" {
		return nil, server.Failure(s.name, "it has no bucket: name one in the step")
	}
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return nil, server.Failure(s.name, "%.100q cannot be the name of a bucket: %s", bucket, strings.TrimPrefix(err.Error(), "Bucket name "))
	}
	return &s3Bucket{s, bucket}, nil
}

// Test implements flows.Client: it asks for the bucket of the connection or, without one, for the buckets.
func (s *S3Store) Test(ctx context.Context) error {
	if s.bucket == "" {
		_, err := s.client.ListBuckets(ctx)
		return s.callError(ctx, "", err)
	}
	there, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !there {
		return server.Failure(s.name, "there is no bucket %q", s.bucket)
	}
	return s.callError(ctx, "", err)
}

// Close closes the network connections that are not in use.
func (s *S3Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// s3Bucket implements flows.Bucket.
type s3Bucket struct {
	store *S3Store
	name  string
}

// List implements flows.RemoteFiles.
func (b *s3Bucket) List(ctx context.Context, prefix string, recursive bool, each func(flows.RemoteFile) error) error {
	for object := range b.store.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: recursive}) {
		if object.Err != nil {
			return b.store.callError(ctx, prefix, object.Err)
		}
		if strings.HasSuffix(object.Key, "/") { // a common prefix, or what some tools store as a directory
			continue
		}
		if err := each(remoteObject(object)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func remoteObject(object minio.ObjectInfo) flows.RemoteFile {
	return flows.RemoteFile{
		Path: object.Key, Size: object.Size, Modified: object.LastModified.UTC(), ETag: strings.Trim(object.ETag, `"`), ContentType: object.ContentType,
	}
}

// Open implements flows.RemoteFiles.
func (b *s3Bucket) Open(ctx context.Context, key string) (io.ReadCloser, flows.RemoteFile, error) {
	core := minio.Core{Client: b.store.client}
	content, object, _, err := core.GetObject(ctx, b.name, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, flows.RemoteFile{}, b.store.callError(ctx, key, err)
	}
	object.Key = key
	return &s3Reader{content, ctx, b.store, key}, remoteObject(object), nil
}

// s3Reader reads an object.
type s3Reader struct {
	io.ReadCloser
	ctx   context.Context
	store *S3Store
	key   string
}

// Read implements io.Reader.
func (r *s3Reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = r.store.callError(r.ctx, r.key, err)
	}
	return n, err
}

// s3Part is the size in bytes of a part of an upload, the smallest that S3 has. Each upload holds one in memory.
const s3Part = 5 << 20

// Put implements flows.RemoteFiles. The library repeats a part that the store did not take.
func (b *s3Bucket) Put(ctx context.Context, key string, p flows.RemotePut) error {
	content := &contentReader{Reader: p.Content}
	_, err := b.store.client.PutObject(ctx, b.name, key, content, p.Size, minio.PutObjectOptions{
		PartSize: s3Part, DisableContentSha256: true, SendContentMd5: true, ContentType: p.ContentType,
	})
	if content.err != nil {
		return content.err
	}
	return b.store.callError(ctx, key, err)
}

// Delete implements flows.RemoteFiles.
func (b *s3Bucket) Delete(ctx context.Context, key string) error {
	err := b.store.client.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil
	}
	return b.store.callError(ctx, key, err)
}

// Copy implements flows.Bucket.
func (b *s3Bucket) Copy(ctx context.Context, fromBucket, from, to string) error {
	if fromBucket == "" {
		fromBucket = b.name
	}
	_, err := b.store.client.CopyObject(ctx, minio.CopyDestOptions{Bucket: b.name, Object: to}, minio.CopySrcOptions{Bucket: fromBucket, Object: from})
	return b.store.callError(ctx, from, err)
}

// Presign implements flows.Bucket.
func (b *s3Bucket) Presign(ctx context.Context, method, key string, expires time.Duration) (string, error) {
	u, err := b.store.client.Presign(ctx, method, b.name, key, expires, nil)
	if err != nil {
		return "", b.store.callError(ctx, key, err)
	}
	return u.String(), nil
}

// callError returns the error for a failed request; nil for nil.
func (s *S3Store) callError(ctx context.Context, key string, err error) error {
	if err == nil {
		return nil
	}
	what := ""
	if key != "" {
		what = shortPath(key)
	}
	answer := minio.ToErrorResponse(err)
	var syntax *xml.SyntaxError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, server.ErrUntrustedAddress):
		return server.Failure(s.name, "%v", server.ErrUntrustedAddress)
	case errors.As(err, &syntax), errors.Is(err, errNoList):
		return server.Failure(s.name, "%sthe store answers with what is no list of S3, or larger than %s", what, flows.SizeText(maxS3Answer))
	case answer.StatusCode == 0: // no answer
		return server.Unreachable(s.name, "the store", err)
	}
	var e *flows.Error
	switch answer.Code {
	case minio.NoSuchKey:
		e = server.Failure(s.name, "%sthere is no such object", what)
	case minio.NoSuchBucket:
		e = server.Failure(s.name, "there is no such bucket")
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken":
		e = server.Failure(s.name, "the store refuses the credential: %s", answer.Code)
	case minio.AccessDenied:
		e = server.Failure(s.name, "%sthe store does not permit it", what)
	case "RequestTimeTooSkewed":
		e = server.Failure(s.name, "the clocks of the store and of this machine differ too much")
	default:
		e = server.Failure(s.name, "%sthe store answers %d %s: %s", what, answer.StatusCode, answer.Code, server.FirstLine(errors.New(answer.Message)))
	}
	e.Upstream = answer.StatusCode
	return e
}
