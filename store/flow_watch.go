package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/penstock/penstock/flows/connectors"
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
	if own := filepath.Join(dir, connectors.Directory); isDirectory(own) {
		if err := watcher.Add(own); err != nil {
			return fmt.Errorf("watch connectors: %w", err)
		}
	}
	// Changes before the start of the watch are not reported.
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-watcher.Events:
			if open && event.Op.Has(fsnotify.Create) && event.Name == filepath.Join(dir, connectors.Directory) {
				if err := watcher.Add(event.Name); err != nil {
					f.store.config.Log.Warn("the connectors are not watched", slog.Any("error", err))
				}
				quiet.Reset(quietPeriod)
			}
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

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
