package sender

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Limits of Fetcher.
const (
	fetchTimeout  = 5 * time.Second
	maxDocument   = 64 << 10 // bytes
	maxDocuments  = 64       // in the cache
	documentTTL   = time.Hour
	failureTTL    = 30 * time.Second
	fetchesPerMin = 20 // of documents that are not in the cache, from all senders
)

// Fetcher gets the public keys that senders publish, and keeps them for an hour. A document that cannot be had is not
// asked for again for 30 s, and no more than 20 documents are asked for in a minute, so that a flood of deliveries that
// name other documents costs little and does not evict the ones that are in use. Safe for concurrent use.
type Fetcher struct {
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu       sync.Mutex // guards what follows
	cached   map[string]cachedDocument
	minute   time.Time // of started
	started  int       // fetches in that minute
	failures map[string]time.Time
}

type cachedDocument struct {
	text []byte
	at   time.Time
}

// NewFetcher returns a Fetcher. transport must refuse private addresses: use outbound.New.
func NewFetcher(transport http.RoundTripper, now func() time.Time) *Fetcher {
	return &Fetcher{
		client: &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		now:    now, cached: map[string]cachedDocument{}, failures: map[string]time.Time{},
	}
}

// Document implements Keys. Concurrent calls for a URL share one request.
func (f *Fetcher) Document(ctx context.Context, url string) ([]byte, error) {
	if text, done := f.lookup(url); done {
		return text, nil
	}
	shared := f.flight.DoChan(url, func() (any, error) {
		if text, done := f.lookup(url); done {
			return text, nil
		}
		if !f.admit(url) {
			return nil, ErrKeys
		}
		text, err := f.get(context.WithoutCancel(ctx), url)
		f.store(url, text, err)
		return text, err
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrKeys, ctx.Err())
	case result := <-shared:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.([]byte), nil
	}
}

// Visit calls a URL once, to confirm a subscription. The response must be 200.
func (f *Fetcher) Visit(ctx context.Context, url string) error {
	if !f.admit(url) {
		return ErrKeys
	}
	_, err := f.get(ctx, url)
	return err
}

func (f *Fetcher) lookup(url string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.cached[url]
	return d.text, ok && f.now().Sub(d.at) < documentTTL
}

// admit reports whether a URL may be asked for now.
func (f *Fetcher) admit(url string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Sub(f.failures[url]) < failureTTL {
		return false
	}
	if now.Sub(f.minute) >= time.Minute {
		f.minute, f.started = now, 0
		clear(f.failures)
	}
	f.started++
	return f.started <= fetchesPerMin
}

func (f *Fetcher) store(url string, text []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.failures[url] = f.now()
		return
	}
	if len(f.cached) >= maxDocuments {
		f.evict()
	}
	f.cached[url] = cachedDocument{text, f.now()}
}

// evict removes the oldest document.
func (f *Fetcher) evict() {
	oldest, at := "", f.now()
	for url, d := range f.cached {
		if !d.at.After(at) {
			oldest, at = url, d.at
		}
	}
	delete(f.cached, oldest)
}

func (f *Fetcher) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: status %d", ErrKeys, response.StatusCode)
	case len(text) > maxDocument:
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrKeys, maxDocument)
	}
	return text, nil
}
