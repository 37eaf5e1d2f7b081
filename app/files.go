package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/redisblob"
	"github.com/penstock/penstock/internal/blob/s3blob"
)

const (
	filesInRedis  = "redis"
	filesDir      = "files" // below the data directory
	dirScheme     = "dir:"
	s3Scheme      = "s3://"
	maxFileRedis  = 100_000_000
	maxFile       = 1_000_000_000
	sweepInterval = 10 * time.Minute
)

// openFiles opens the store of the files of runs. A process with a data directory of its own keeps them there, if the
// settings name no other place.
func (p *Program) openFiles(context.Context) (err error) {
	config := blob.Config{MaxSize: maxFile}
	switch place := p.settings.Files; {
	case strings.HasPrefix(place, dirScheme):
		config.Backend, err = p.openFilesDir(strings.TrimPrefix(place, dirScheme))
	case strings.HasPrefix(place, s3Scheme):
		config.Backend, err = p.openFilesS3(place)
	case place == "" && p.dataDir != "":
		config.Backend, err = p.openFilesDir(filepath.Join(p.dataDir, filesDir))
	default:
		config.Backend, config.MaxSize = redisblob.New(p.shared, p.settings.FilesTotal), maxFileRedis
	}
	if err != nil {
		return err
	}
	if p.settings.MaxFile > 0 {
		config.MaxSize = p.settings.MaxFile
	}
	p.files, err = blob.New(config)
	return err
}

func (p *Program) openFilesDir(path string) (blob.Backend, error) {
	dir, err := blob.OpenDirectory(path)
	if err != nil {
		return nil, err
	}
	p.onClose(dir.Close)
	return dir, nil
}

func (p *Program) openFilesS3(place string) (blob.Backend, error) {
	config, err := s3blob.Parse(place)
	if err != nil {
		return nil, fmt.Errorf("open store of files: %w", err)
	}
	config.AccessKey, config.SecretKey = p.settings.FilesAccessKey, p.settings.FilesSecretKey
	return s3blob.New(config)
}

// sweepFiles deletes the files of runs whose records are gone, and of requests that became no run.
func (p *Program) sweepFiles(ctx context.Context) error {
	timer := time.NewTimer(rand.N(sweepInterval)) // processes that start together do not sweep together
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		deleted, err := p.files.Sweep(ctx, time.Now(), p.keepsFiles)
		if err != nil && ctx.Err() == nil {
			p.log.Warn("sweep files", "error", err)
		}
		if deleted > 0 {
			p.log.Info("files of runs that are gone were deleted", "runs", deleted)
		}
		timer.Reset(sweepInterval/2 + rand.N(sweepInterval))
	}
}

// checkFiles checks where files are kept.
func (s *Settings) checkFiles(r Role) error {
	if !r.API && !r.Worker {
		return nil
	}
	switch place := s.Files; {
	case s.MaxFile < 0:
		return fmt.Errorf("read settings: --max-file %d: expected a size in bytes", s.MaxFile)
	case s.FilesTotal < 1:
		return fmt.Errorf("read settings: --files-total %d would store no file", s.FilesTotal)
	case place == "", place == filesInRedis:
	case strings.HasPrefix(place, dirScheme):
		if !filepath.IsAbs(strings.TrimPrefix(place, dirScheme)) {
			return fmt.Errorf("read settings: --files %s: expected dir: and an absolute path", place)
		}
	case strings.HasPrefix(place, s3Scheme):
		if _, err := s3blob.Parse(place); err != nil {
			return fmt.Errorf("read settings: --files: %w", err)
		}
		if s.FilesAccessKey == "" || s.FilesSecretKey == "" {
			return fmt.Errorf("read settings: --files s3:// needs %s and %s", EnvFilesAccessKey, EnvFilesSecretKey)
		}
	default:
		return fmt.Errorf("read settings: --files %q: expected redis, dir:/PATH or s3://BUCKET/PREFIX?endpoint=HOST", place)
	}
	return nil
}
