package remote

import (
	"context"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// S3 lists, reads and writes the objects of an S3-compatible store.
func S3() flows.Kind {
	o := flows.Operations{Names: s3Operations(), Options: s3Options()}
	return flows.Kind{
		Name:       "s3",
		Summary:    "Lists, gets, puts, copies or deletes objects of an S3-compatible store, or makes URLs for them.",
		Doc:        s3Doc,
		Params:     params("Name of the store's connection.", o),
		Example:    "s3: {connection: exports, put: \"reports/${ .day }.csv\", file: \"${ .report }\"}\ntimeout: 5m",
		Effect:     flows.Idempotent,
		ThroughEnv: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			name, err := o.Chosen(args)
			if err != nil {
				return nil, err
			}
			s, bucket := &step{connection: args.String("connection")}, args.Template("bucket")
			s.open = func(ctx context.Context, in *flows.Input, connections flows.Connections) (flows.RemoteFiles, error) {
				name, err := optionalText(ctx, in, bucket)
				if err != nil {
					return nil, err
				}
				return connections.S3(ctx, s.connection, name)
			}
			s.do, err = newS3(name, args)
			return s, err
		},
	}
}

// optionalText renders a template; empty for a nil one.
func optionalText(ctx context.Context, in *flows.Input, t *flows.Template) (string, error) {
	if t == nil {
		return "", nil
	}
	return t.Text(ctx, in)
}

func s3Operations() []flows.Param {
	return []flows.Param{
		{Name: "list", Summary: "Prefix of the keys of the objects to list, such as `exports/`; empty: all."},
		{Name: "get", Summary: "Key of the object that becomes a file of the run."},
		{Name: "put", Summary: "Key of the object to write."},
		{Name: "copy", Summary: "Key of the object to copy to `to`, within the store."},
		{Name: "delete", Summary: "Key of the object to delete."},
		{Name: "presign", Summary: "Key of the object for which to make a URL that needs no credential."},
	}
}

// Bounds of the life of a presigned URL (AWS Signature Version 4).
const (
	defaultExpires = 15 * time.Minute
	maxExpires     = 7 * 24 * time.Hour
)

func s3Options() []flows.Option {
	all := []flows.Option{{Param: flows.Param{Name: "bucket", Type: flows.TypeTemplate, Default: "that of the connection", Summary: "Bucket."}}}
	all = append(append(append(all, listOptions()...), getOptions()...), putOptions()...)
	return append(all,
		flows.Option{Param: flows.Param{Name: "content_type", Type: flows.TypeTemplate, Default: "that of the file, or by the key's ending", Summary: "Content type of the object."}, Of: []string{"put"}},
		flows.Option{Param: flows.Param{Name: "to", Type: flows.TypeTemplate, Summary: "With copy: the new key; one that ends with / is the prefix for the object's name."}, Of: []string{"copy"}},
		flows.Option{Param: flows.Param{Name: "from_bucket", Type: flows.TypeTemplate, Default: "the same bucket", Summary: "With copy: the bucket of the object to copy."}, Of: []string{"copy"}},
		flows.Option{Param: flows.Param{Name: "method", Type: flows.TypeEnum, Enum: []string{"GET", "PUT"}, Default: "GET", Summary: "With presign: what the URL is for."}, Of: []string{"presign"}},
		flows.Option{Param: flows.Param{Name: "expires", Type: flows.TypeDuration, Default: "15m", Summary: "With presign: how long the URL is good, at most 7d."}, Of: []string{"presign"}},
	)
}

func newS3(name string, args *flows.Args) (operation, error) {
	switch name {
	case "get":
		return newGet(args)
	case "put":
		p, err := newPut(args)
		if err != nil {
			return nil, err
		}
		p.contentType, p.part = args.Template("content_type"), s3Part
		return p, nil
	case "copy":
		if !args.Has("to") {
			return nil, args.Refuse(problem.RequiredKey, "copy", "to is missing: the new key")
		}
		return &copyObject{args.Template("copy"), args.Template("to"), args.Template("from_bucket")}, nil
	case "delete":
		return remove{args.Template("delete")}, nil
	case "presign":
		p := &presign{key: args.Template("presign"), method: "GET", expires: defaultExpires}
		if args.Has("method") {
			p.method = args.String("method")
		}
		if args.Has("expires") {
			if p.expires = args.Duration("expires"); p.expires < time.Second || p.expires > maxExpires {
				return nil, args.Refuse(problem.OutOfRange, "expires", "expires is from 1s to 7d")
			}
		}
		return p, nil
	}
	return newList(args)
}

// copyObject copies an object within the store.
type copyObject struct{ from, to, bucket *flows.Template }

// Effect implements operation.
func (*copyObject) Effect() flows.Effect { return flows.Idempotent }

func (c *copyObject) run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error) {
	from, to, err := renderBoth(ctx, in, "copy", c.from, c.to)
	if err != nil {
		return nil, err
	}
	bucket, err := optionalText(ctx, in, c.bucket)
	if err != nil {
		return nil, err
	}
	if bucket == "" && from == to {
		return nil, failure.Errorf("copy and to are the same key: %.200q", from)
	}
	if err := files.(flows.Bucket).Copy(ctx, bucket, from, to); err != nil {
		return nil, err
	}
	return []any{map[string]any{"path": to}}, nil
}

// presign makes a URL.
type presign struct {
	key     *flows.Template
	method  string
	expires time.Duration
}

// Effect implements operation.
func (*presign) Effect() flows.Effect { return flows.Read }

func (p *presign) run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error) {
	key, err := renderFile(ctx, in, "presign", p.key)
	if err != nil {
		return nil, err
	}
	url, err := files.(flows.Bucket).Presign(ctx, p.method, key, p.expires)
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"path": key, "url": url, "expires_at": flows.Now(ctx).Add(p.expires).UTC().Format(time.RFC3339)}}, nil
}

const s3Doc = `| | puts out |
|---|---|
| ` + "`list`" + ` | an item for each object, by key: ` + "`{path, name, size, modified, etag}`" + `, none without objects. ` + "`recursive: false`" + ` ends at the next ` + "`/`" + ` of the key |
| ` + "`get`" + ` | the object as [a file of the run](files.md), which ` + "`read_file`" + ` and other steps take |
| ` + "`put`" + ` | ` + "`{path, size}`" + ` |
| ` + "`copy`, `delete`" + ` | ` + "`{path}`" + `, of ` + "`copy`" + ` the new one |
| ` + "`presign`" + ` | ` + "`{path, url, expires_at}`" + `: whoever has the URL may read or write the object until then. ` + "`redact: [url]`" + ` keeps it out of records |

` + "`path`" + ` is the key. ` + "`as`" + ` keeps the item beside it.

**Put** sends objects of more than 5 MB in parts, of which one is in memory; no reader sees a part of one. Add a lifecycle rule to the bucket that aborts incomplete
multipart uploads. ` + "`copy`" + ` takes objects up to 5 GB.

**Again.** Every operation may be repeated, by ` + "`retry`" + ` or after the loss of a worker. ` + "`retry.on`" + ` may name statuses of the store.

**New objects, each once**: [a poll](triggers.md#new-files) that compares the ` + "`etag`" + `. To move an object, copy it and delete the old one.

` + "```yaml" + `
- s3: {connection: exports, list: inbox/, match: "*.csv"}
- s3: {connection: exports, get: "${ .path }"}
  as: csv
- s3: {connection: exports, copy: "${ .path }", to: archive/}
  as: copied
- s3: {connection: exports, delete: "${ .path }"}
` + "```" + `
`
