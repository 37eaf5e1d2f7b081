// Package s3blob keeps blobs as objects of an S3-compatible store.
package s3blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/penstock/penstock/internal/blob"
)

const (
	// partSize is the size in bytes of a part of an upload, the smallest that S3 has. Each upload holds one in memory.
	partSize = 5 << 20
	// cleanup is the time for removing what a failed Put has stored.
	cleanup = 10 * time.Second
)

// Config of a Backend. Bucket, Endpoint, AccessKey and SecretKey are required.
type Config struct {
	Endpoint  string // host, and port if it is not the usual one: s3.eu-central-1.amazonaws.com
	Insecure  bool   // http instead of https
	Region    string // empty: the store is asked
	Bucket    string // must exist
	Prefix    string // of the names of all objects; empty: none
	AccessKey string
	SecretKey string

	Transport http.RoundTripper // nil: that of minio-go
}

// Parse reads s3://BUCKET/PREFIX?endpoint=HOST[&region=R][&insecure=1].
func Parse(raw string) (Config, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil {
		return Config{}, errors.New("expected s3://BUCKET/PREFIX?endpoint=HOST&region=REGION, without credentials")
	}
	c := Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Endpoint: "s3.amazonaws.com"}
	for name, values := range u.Query() {
		switch name {
		case "endpoint":
			c.Endpoint = values[0]
		case "region":
			c.Region = values[0]
		case "insecure":
			c.Insecure = values[0] == "1" || values[0] == "true"
		default:
			return Config{}, fmt.Errorf("s3:// has no setting %q; it has endpoint, region and insecure", name)
		}
	}
	return c, nil
}

// Backend implements blob.Backend. An object is named PREFIX/OWNER/ID.
type Backend struct {
	client *minio.Client
	config Config
}

// New returns a Backend. It does not call the store.
func New(config Config) (*Backend, error) {
	if config.Bucket == "" || config.Endpoint == "" || config.AccessKey == "" || config.SecretKey == "" {
		return nil, errors.New("new s3 store: the bucket, the endpoint and both keys are required")
	}
	client, err := minio.New(config.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(config.AccessKey, config.SecretKey, ""),
		Secure: !config.Insecure, Region: config.Region, Transport: config.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("new s3 store: %w", err)
	}
	return &Backend{client, config}, nil
}

func (b *Backend) name(owner, id string) string { return path.Join(b.config.Prefix, owner, id) }

// Put implements blob.Backend. minio-go repeats each part, so that a store that is away for some seconds fails nothing.
func (b *Backend) Put(ctx context.Context, owner, id string, content io.Reader) error {
	options := minio.PutObjectOptions{PartSize: partSize, DisableContentSha256: true, SendContentMd5: true, ContentType: "application/octet-stream"}
	first := make([]byte, blob.Chunk)
	length, ended, err := blob.Fill(content, first)
	if err != nil {
		return err
	}
	first = first[:length]
	if ended { // one request, without the three of a multipart upload
		_, err = b.client.PutObject(ctx, b.config.Bucket, b.name(owner, id), bytes.NewReader(first), int64(length), options)
	} else {
		rest := onlyReader{io.MultiReader(bytes.NewReader(first), content)}
		_, err = b.client.PutObject(ctx, b.config.Bucket, b.name(owner, id), rest, -1, options)
	}
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	_ = b.Delete(ctx, owner, id) // Sweep makes up for it
	return storeError(err)
}

// onlyReader hides all other methods of a reader: minio-go would seek.
type onlyReader struct{ io.Reader }

// Open implements blob.Backend.
func (b *Backend) Open(ctx context.Context, owner, id string, from int64) (io.ReadCloser, int64, error) {
	info, err := b.client.StatObject(ctx, b.config.Bucket, b.name(owner, id), minio.StatObjectOptions{})
	if err != nil {
		return nil, 0, storeError(err)
	}
	if from >= info.Size {
		return http.NoBody, info.Size, nil
	}
	options := minio.GetObjectOptions{}
	if from > 0 {
		if err := options.SetRange(from, 0); err != nil {
			return nil, 0, err
		}
	}
	core := minio.Core{Client: b.client}
	content, _, _, err := core.GetObject(ctx, b.config.Bucket, b.name(owner, id), options)
	if err != nil {
		return nil, 0, storeError(err)
	}
	return content, info.Size, nil
}

// Delete implements blob.Backend.
func (b *Backend) Delete(ctx context.Context, owner, id string) error {
	err := storeError(b.client.RemoveObject(ctx, b.config.Bucket, b.name(owner, id), minio.RemoveObjectOptions{}))
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// DeleteOwner implements blob.Backend. Uploads that have not ended are removed by a lifecycle rule of the bucket.
func (b *Backend) DeleteOwner(ctx context.Context, owner string) error {
	for object := range b.client.ListObjectsIter(ctx, b.config.Bucket, minio.ListObjectsOptions{Prefix: b.name(owner, "") + "/", Recursive: true}) {
		if object.Err != nil {
			return storeError(object.Err)
		}
		if err := b.client.RemoveObject(ctx, b.config.Bucket, object.Key, minio.RemoveObjectOptions{}); err != nil {
			return storeError(err)
		}
	}
	return nil
}

// Owners implements blob.Backend. It lists all objects, which come in the order of their names, and so owner by owner.
func (b *Backend) Owners(ctx context.Context, each func(string, time.Time) error) error {
	prefix := b.config.Prefix
	if prefix != "" {
		prefix += "/"
	}
	var current string
	var latest time.Time
	for object := range b.client.ListObjectsIter(ctx, b.config.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return storeError(object.Err)
		}
		owner, _, ok := strings.Cut(strings.TrimPrefix(object.Key, prefix), "/")
		if !ok {
			continue
		}
		if owner != current && current != "" {
			if err := each(current, latest); err != nil {
				return err
			}
			latest = time.Time{}
		}
		if current = owner; object.LastModified.After(latest) {
			latest = object.LastModified
		}
	}
	if current == "" {
		return nil
	}
	return each(current, latest)
}

// storeError tells what is not there, and a store without space, from other errors.
func storeError(err error) error {
	switch minio.ToErrorResponse(err).Code {
	case minio.NoSuchKey:
		return blob.ErrNotFound
	case "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded":
		return fmt.Errorf("%w: %w", blob.ErrFull, err)
	}
	return err
}
