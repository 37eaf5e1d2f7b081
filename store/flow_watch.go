package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quietPeriod is how long a directory must be unchanged before it is read, because editors save in several steps.
const quietPeriod = 100 * time.Millisecond

// WatchDir deploys the directory again whenever a flow file in it changes, until ctx ends. It watches the directory
// instead of the files, to see editors that save by renaming. loaded is called after each pass.
func (f *Flows) WatchDir(ctx context.Context, dir string, loaded func([]Deployed, []Problem, error)) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch flows: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(dir); err != nil {
		return fmt.Errorf("watch flows: %w", err)
	}
	// Changes before the start of the watch are not reported.
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-watcher.Events:
			if open && IsFlowFile(event.Name) && event.Op != fsnotify.Chmod {
				quiet.Reset(quietPeriod)
			}
		case err := <-watcher.Errors: // events were lost
			f.store.config.Log.Warn("watching the flows missed something", slog.Any("error", err))
			quiet.Reset(quietPeriod)
		case <-quiet.C:
			loaded(f.LoadFS(ctx, os.DirFS(dir)))
		}
	}
}
