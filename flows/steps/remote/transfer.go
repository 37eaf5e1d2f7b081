package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"path"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/blob"
)

func getOptions() []flows.Option {
	return []flows.Option{{Param: flows.Param{Name: "max_size", Type: flows.TypeString, Default: "the limit of the store of files", Summary: "Largest file; a larger one is a failure."}, Of: []string{"get"}}}
}

// get makes a file of the run.
type get struct {
	path  *flows.Template
	limit int64 // bytes; 0: that of the store
}

func newGet(args *flows.Args) (operation, error) {
	g := &get{path: args.Template("get")}
	if args.Has("max_size") {
		size, ok := flows.ParseSize(args.String("max_size"))
		if !ok || size < 1 {
			return nil, args.Refuse(problem.BadSize, "max_size", "max_size is a size such as 512KB or 10MB")
		}
		g.limit = size
	}
	return g, nil
}

// Effect implements operation.
func (*get) Effect() flows.Effect { return flows.Read }

func (g *get) run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error) {
	at, err := renderFile(ctx, in, "get", g.path)
	if err != nil {
		return nil, err
	}
	from, about, err := files.Open(ctx, at)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	if g.limit > 0 && about.Size > g.limit {
		return nil, failure.Errorf("the file is larger than %s", flows.SizeText(g.limit))
	}
	part := in.Charger(ctx).Part()
	defer part.Drop()
	if err := part.Charge(sftpPart); err != nil {
		return nil, failure.Limit(err)
	}
	file, err := in.SaveFile(ctx, g.limit, path.Base(at), cmp.Or(about.ContentType, mime.TypeByExtension(path.Ext(at))), from)
	if err != nil {
		return nil, content.FileError(ctx, "stored", err)
	}
	return []any{file.Value()}, nil
}

func putOptions() []flows.Option {
	return []flows.Option{
		{Param: flows.Param{Name: "file", Type: flows.TypeTemplate, Summary: "What to put: a file of the run."}, Of: []string{"put"}},
		{Param: flows.Param{Name: "content", Type: flows.TypeTemplate, Summary: "What to put: text, in UTF-8, or JSON for lists and objects."}, Of: []string{"put"}},
		{Param: flows.Param{Name: "base64", Type: flows.TypeTemplate, Summary: "What to put: the bytes that this base64 text stands for."}, Of: []string{"put"}},
	}
}

// put stores a file.
type put struct {
	path, file, content, base64, contentType *flows.Template // of file, content and base64 one is not nil
	options                                  flows.MoveOptions
	part                                     int64 // bytes that a transfer holds in memory
}

// The memory of transfers in bytes: packets of SFTP on their way, or a part of an upload to S3.
const (
	sftpPart = 2 * blob.Chunk
	s3Part   = 5 << 20
)

func newPut(args *flows.Args) (*put, error) {
	p := &put{path: args.Template("put"), file: args.Template("file"), content: args.Template("content"), base64: args.Template("base64")}
	given := 0
	for _, t := range []*flows.Template{p.file, p.content, p.base64} {
		if t != nil {
			given++
		}
	}
	if given != 1 {
		return nil, args.Refuse(problem.DependentKey, "put", "put needs one of file, content and base64")
	}
	return p, nil
}

// Effect implements operation. A file that must not replace another one cannot be put again.
func (p *put) Effect() flows.Effect {
	if p.options.Keep {
		return flows.Once
	}
	return flows.Idempotent
}

func (p *put) run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error) {
	at, err := renderFile(ctx, in, "put", p.path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(in.RunKey()))
	request := flows.RemotePut{Temporary: hex.EncodeToString(sum[:8]), MoveOptions: p.options}
	if p.contentType != nil {
		if request.ContentType, err = p.contentType.Text(ctx, in); err != nil {
			return nil, err
		}
	}
	done, err := p.source(ctx, in, &request)
	if err != nil {
		return nil, err
	}
	request.ContentType = cmp.Or(request.ContentType, mime.TypeByExtension(path.Ext(at)))
	defer done()
	if err := files.Put(ctx, at, request); err != nil {
		return nil, content.FileError(ctx, "read", err)
	}
	return []any{map[string]any{"path": at, "size": int(request.Size)}}, nil
}

// source sets the content of a request. done must be called when it was sent.
func (p *put) source(ctx context.Context, in *flows.Input, to *flows.RemotePut) (done func(), err error) {
	if p.file != nil {
		v, err := p.file.Render(ctx, in)
		if err != nil {
			return nil, err
		}
		from, file, err := in.OpenFile(ctx, v)
		if err != nil {
			return nil, err
		}
		to.Content, to.Size, to.ContentType = from, file.Size, cmp.Or(to.ContentType, file.ContentType)
		part := in.Charger(ctx).Part()
		done = func() { _ = from.Close(); part.Drop() }
		if err := part.Charge(p.part); err != nil {
			done()
			return nil, failure.Limit(err)
		}
		return done, nil
	}
	var text []byte
	if p.base64 != nil {
		text, err = content.DecodeBase64(ctx, in, p.base64)
	} else {
		var v any
		if v, err = p.content.Render(ctx, in); err == nil && v == nil {
			err = failure.Errorf("content is null: there is nothing to put")
		}
		text = []byte(content.ScalarText(v))
	}
	if err == nil {
		err = failure.Limit(in.Charger(ctx).Charge(int64(len(text))))
	}
	to.Content, to.Size = bytes.NewReader(text), int64(len(text))
	return func() {}, err
}

// remove deletes a file.
type remove struct{ path *flows.Template }

// Effect implements operation.
func (remove) Effect() flows.Effect { return flows.Idempotent }

func (r remove) run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error) {
	at, err := renderFile(ctx, in, "delete", r.path)
	if err == nil {
		err = files.Delete(ctx, at)
	}
	if err != nil {
		return nil, err
	}
	return []any{map[string]any{"path": at}}, nil
}
