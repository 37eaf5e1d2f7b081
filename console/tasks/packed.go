package tasks

import (
	"path"
	"sync"

	"github.com/penstock/penstock/internal/gzipped"
)

// minPacked is the smallest file, in bytes, that is compressed.
const minPacked = 1 << 10

// packedFiles are the static files of asynqmon that were asked for, each compressed once: its largest script has a megabyte, for which
// gzip takes as long as a page of the console. There are as many as asynqmon has, 2 MB together. Safe for concurrent use.
type packedFiles struct{ byPath sync.Map }

func (p *packedFiles) find(name string) (Answer, bool) {
	found, is := p.byPath.Load(name)
	if !is {
		return Answer{}, false
	}
	return *found.(*Answer), true
}

// keep compresses a file and keeps it.
func (p *packedFiles) keep(name string, file *Answer) {
	if path.Clean(name) != name {
		return // a file has one name
	}
	if len(file.Body) >= minPacked {
		if packed := gzipped.Best(file.Body); len(packed) < len(file.Body) {
			file.Packed = packed
		}
	}
	p.byPath.Store(name, file)
}
