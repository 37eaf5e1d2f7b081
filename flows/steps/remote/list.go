package remote

import (
	"cmp"
	"context"
	"path"
	"slices"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/sleep"
)

// Bounds of a list.
const (
	defaultFiles = 10_000
	maxFiles     = 100_000
	maxSettle    = time.Minute
)

func listOptions() []flows.Option {
	return []flows.Option{
		{Param: flows.Param{Name: "match", Type: flows.TypeString, Default: "all files", Hint: "a pattern is literal: filter the items with an expression", Summary: "Pattern of the files' names: `*.csv`, `orders-????.xml`, `[a-m]*`."}, Of: []string{"list"}},
		{Param: flows.Param{Name: "recursive", Type: flows.TypeBool, Default: "false", Summary: "Lists also what is in the directories below."}, Of: []string{"list"}},
		{Param: flows.Param{Name: "settle", Type: flows.TypeDuration, Summary: "Lists twice, so long apart, and leaves out files that are new or have changed in between: they are being written. At most 1m."}, Of: []string{"list"}},
		{Param: flows.Param{Name: "max_files", Type: flows.TypeInt, Default: "10000", Summary: "Most files of the list; more are a failure. At most 100,000."}, Of: []string{"list"}},
	}
}

// list puts out an item for each file.
type list struct {
	at        *flows.Template
	match     string // empty: all
	recursive bool
	settle    time.Duration // 0: one list
	most      int
}

func newList(args *flows.Args) (operation, error) {
	l := &list{at: args.Template("list"), match: args.String("match"), recursive: args.Bool("recursive"), settle: args.Duration("settle"), most: defaultFiles}
	if _, err := path.Match(l.match, ""); err != nil {
		return nil, args.Refuse(problem.BadPattern, "match", "match: %q is no pattern", l.match)
	}
	if l.settle > maxSettle {
		return nil, args.Refuse(problem.OutOfRange, "settle", "settle is at most 1m")
	}
	if args.Has("max_files") {
		if l.most = args.Int("max_files"); l.most < 1 || l.most > maxFiles {
			return nil, args.Refuse(problem.OutOfRange, "max_files", "max_files is from 1 to %d", maxFiles)
		}
	}
	return l, nil
}

// Effect implements operation.
func (*list) Effect() flows.Effect { return flows.Read }

func (l *list) run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error) {
	at, err := l.at.Text(ctx, in)
	if err == nil && at != "" {
		at, err = renderPath(ctx, in, "list", l.at)
	}
	if err != nil {
		return nil, err
	}
	charger := in.Charger(ctx)
	found, err := l.files(ctx, charger, files, at)
	if err != nil || l.settle == 0 {
		return items(found), err
	}
	if err := sleep.For(ctx, l.settle); err != nil {
		return nil, err
	}
	again, err := l.files(ctx, charger, files, at)
	if err != nil {
		return nil, err
	}
	before := make(map[string]flows.RemoteFile, len(found))
	for _, f := range found {
		before[f.Path] = f
	}
	return items(slices.DeleteFunc(again, func(f flows.RemoteFile) bool {
		old, known := before[f.Path]
		return !known || old.Size != f.Size || !old.Modified.Equal(f.Modified) || old.ETag != f.ETag
	})), nil
}

// files returns the files that match, by path.
func (l *list) files(ctx context.Context, charger *budget.Charger, remote flows.RemoteFiles, at string) ([]flows.RemoteFile, error) {
	var found []flows.RemoteFile
	err := remote.List(ctx, at, l.recursive, func(f flows.RemoteFile) error {
		if ok, _ := path.Match(cmp.Or(l.match, "*"), path.Base(f.Path)); !ok { // the pattern is valid
			return nil
		}
		if len(found) == l.most {
			return failure.Errorf("there are more than %d files; match, or a larger max_files, helps", l.most)
		}
		found = append(found, f)
		return failure.Limit(charger.Charge(int64(len(f.Path)+len(f.ETag)) + budget.Object + budget.Members(5)))
	})
	slices.SortFunc(found, func(a, b flows.RemoteFile) int { return cmp.Compare(a.Path, b.Path) })
	return found, err
}

func items(files []flows.RemoteFile) []any {
	all := make([]any, len(files))
	for i, f := range files {
		object := map[string]any{"path": f.Path, "name": path.Base(f.Path), "size": int(f.Size), "modified": f.Modified.UTC().Format(time.RFC3339)}
		if f.ETag != "" {
			object["etag"] = f.ETag
		}
		all[i] = object
	}
	return all
}
