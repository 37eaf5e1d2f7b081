package httpstep

import (
	"context"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Limits of max_pages.
const (
	defaultPages  = 100
	maxPagesLimit = 10_000
)

// httpPages is the paginate parameter: one request for each page; the items of all pages in order.
type httpPages struct {
	pager    httpPager
	items    *flows.Expr // evaluated on the response; nil: the response is the item
	maxPages int
	explicit bool // maxPages is set by the flow: reaching it is not a failure
}

// httpPager is one way to find the next page.
type httpPager interface {
	// first returns the URL of the first page.
	first(target *url.URL) *url.URL
	// next returns the URL of the page after p; nil after the last one.
	next(ctx context.Context, in *flows.Input, p *httpPage) (*url.URL, error)
}

// httpPage is a page that was read.
type httpPage struct {
	number   int      // from 0
	target   *url.URL // requested URL
	response *httpResponse
	before   int // number of items of the pages before
	found    int // number of its items
}

// pagesRead is the state between two pages, the checkpoint of the step.
type pagesRead struct {
	next   *url.URL // page to read; nil: all were read
	number int      // of next, from 0
	items  []any
	jar    http.CookieJar // nil: cookies are not kept
	size   int64          // size of the pages in bytes
	seen   map[string]int // number of each page by its URL, from 1
}

// run reads the pages, or what an earlier attempt has not read of them.
func (p *httpPages) run(ctx context.Context, in *flows.Input, s *step, client *http.Client, call *httpCall) ([]any, error) {
	read, resumed := in.Checkpoint().(*pagesRead)
	if !resumed {
		read = &pagesRead{next: p.pager.first(call.url), jar: client.Jar, seen: map[string]int{}}
	}
	client.Jar = read.jar
	for read.next != nil {
		if err := p.readNext(ctx, in, s, client, call.withPage(read.next, read.number), read); err != nil {
			return nil, err
		}
		in.SetCheckpoint(read)
	}
	return read.items, nil
}

// readNext reads the next page. After an error, read is unchanged.
func (p *httpPages) readNext(ctx context.Context, in *flows.Input, s *step, client *http.Client, call *httpCall, read *pagesRead) error {
	charger := in.Charger(ctx)
	call.charger = charger.Part()
	answer, err := s.send(ctx, in, client, call)
	if err != nil {
		call.charger.Drop()
		return err
	}
	if read.size+answer.size > maxResponse {
		return failure.Errorf("%s: the pages are larger than %s together", call.name(), flows.SizeText(maxResponse))
	}
	found, err := p.itemsOf(ctx, in, answer)
	if err == nil && p.items != nil { // only the items of the page are kept
		err = charger.Charge(flows.SizeOf(found))
		call.charger.Drop()
	}
	if err != nil {
		return failure.Limit(err)
	}
	page := &httpPage{number: call.page, target: call.url, response: answer, before: len(read.items), found: len(found)}
	next, err := p.pager.next(ctx, in, page)
	if err != nil {
		return err
	}
	read.seen[call.url.String()] = call.page + 1
	if p.explicit && call.page+1 == p.maxPages {
		next = nil
	}
	if next != nil {
		if err := p.mayFollow(call, next, read.seen); err != nil {
			return err
		}
	}
	read.next, read.number = next, call.page+1
	read.items, read.size = append(read.items, found...), read.size+answer.size
	return nil
}

func (p *httpPages) itemsOf(ctx context.Context, in *flows.Input, answer *httpResponse) ([]any, error) {
	if p.items == nil {
		return []any{answer.item()}, nil
	}
	return p.items.All(ctx, in.With(answer.item()))
}

// mayFollow rejects endless pagination, and a page of another origin, because the headers of the flow may be
// credentials for the first origin.
func (p *httpPages) mayFollow(call *httpCall, next *url.URL, pages map[string]int) error {
	switch {
	case call.page+1 == p.maxPages:
		return failure.Errorf("%s: more than %d pages; set max_pages to stop earlier or go on", call.name(), p.maxPages)
	case pages[next.String()] == call.page+1:
		return failure.Errorf("%s: page %d names itself as the next one", call.name(), call.page+1)
	case pages[next.String()] > 0:
		return failure.Errorf("%s: page %d names page %d as the next one", call.name(), call.page+1, pages[next.String()])
	case !sameOrigin(next, call.url):
		return failure.Errorf("%s: the next page is at %s, another origin", call.name(), origin(next))
	}
	return nil
}
