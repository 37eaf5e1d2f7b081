package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/app/doctor"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// doctorLimit is the maximum duration of the checks without --runs.
const doctorLimit = 30 * time.Second

// auditLimit is the maximum duration with --runs, which reads about 20,000 runs per second.
const auditLimit = 10 * time.Minute

func newDoctor(e command.Env) *cobra.Command {
	var s app.Settings
	var url string
	var asJSON, runs bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check Redis, clocks, master keys and reachability, and give advice",
		Long: "Check the environment of a fleet and give advice: Redis (version, persistence, eviction,\n" +
			"latency), clocks, the master key, queues, workers, and, with --url, the front door. Run it on a\n" +
			"machine of the processes with their settings. It changes nothing.\n\n" +
			"With --runs it also reads every run and reports those that violate an invariant of the queue,\n" +
			"such as a run that has not ended and that no worker would find.\n\n" +
			"It fails if something does not work or loses runs; warnings do not count.",
		Args: command.ExactArgs(0),
	}
	f := cmd.Flags()
	f.StringVar(&s.Redis, "redis", "", "`URL` of Redis, as in the processes")
	f.StringVar(&url, "url", "", "base `URL` of the front door; default "+app.EnvURL)
	f.IntVar(&s.RedisPool, "redis-pool", redisconn.DefaultPool, "maximum `connections` of each part of a process, as in the processes")
	f.BoolVar(&runs, "runs", false, "also check every run against the invariants of the queue")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if pool := app.Variable("redis-pool"); !cmd.Flags().Changed("redis-pool") && e[pool] != "" {
			if err := f.Set("redis-pool", e[pool]); err != nil {
				return command.Invalid(fmt.Errorf("read settings: %s: %w", pool, err))
			}
		}
		if s.Redis == "" {
			var err error
			if s.Redis, err = e.Secret(app.EnvRedisURL); err != nil {
				return err
			}
		}
		if url == "" {
			url = e[app.EnvURL]
		}
		if s.Redis == "" && url == "" {
			return command.Invalid(fmt.Errorf("doctor: nothing to look at: set %s or --redis, and %s or --url", app.EnvRedisURL, app.EnvURL))
		}
		limit := doctorLimit
		if runs {
			limit = auditLimit
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), limit)
		defer cancel()
		report := examine(ctx, e, s.Redis, url, s.RedisPool, runs)
		if err := printReport(cmd.OutOrStdout(), report, asJSON); err != nil {
			return err
		}
		if report.Worst() == doctor.Fail {
			return errors.New("something needs attention")
		}
		return nil
	}
	return cmd
}

func examine(ctx context.Context, e command.Env, redisURL, url string, pool int, runs bool) *doctor.Report {
	r := &doctor.Report{}
	r.Files()
	if redisURL != "" {
		examineRedis(ctx, e, r, redisURL, pool, runs)
	}
	if url != "" {
		r.Server(ctx, url, &http.Client{Timeout: 5 * time.Second})
	}
	return r
}

func examineRedis(ctx context.Context, e command.Env, r *doctor.Report, url string, pool int, runs bool) {
	conn, err := redisconn.Parse(url)
	if err != nil {
		r.Add(doctor.Finding{Check: "redis", Level: doctor.Fail, Found: err.Error(), Advice: "Correct " + app.EnvRedisURL + "."})
		return
	}
	conn = conn.WithPool(pool)
	r.Redis(ctx, conn)
	if r.Worst() == doctor.Fail {
		return // the other checks depend on Redis
	}
	r.Add(masterKey(ctx, e, conn))
	client, err := queue.NewClient(queue.Config{Redis: conn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return
	}
	defer client.Close()
	r.Fleet(ctx, client)
	connections := conn.Client()
	defer connections.Close()
	r.Secrets(secretTroubles(ctx, connections))
	r.Connections(ctx, connections, client, apiProcesses(ctx, connections), conn.MaxConnections())
	if runs {
		r.Runs(ctx, client)
	}
}

// secretTroubles returns the references to secrets that processes cannot read.
func secretTroubles(ctx context.Context, client redis.UniversalClient) map[string][]secretstore.Trouble {
	all, _ := store.Processes(ctx, client) // the checks of Redis report an error
	troubles := map[string][]secretstore.Trouble{}
	for _, p := range all {
		if len(p.Secrets) > 0 {
			troubles[p.String()] = p.Secrets
		}
	}
	return troubles
}

// apiProcesses counts the live processes with a front door.
func apiProcesses(ctx context.Context, client redis.UniversalClient) (n int) {
	all, _ := store.Processes(ctx, client) // the checks of Redis report an error
	for _, p := range all {
		if p.Role != "worker" {
			n++
		}
	}
	return n
}

// masterKey checks whether the master key of this environment decrypts the stored secrets.
func masterKey(ctx context.Context, e command.Env, conn *redisconn.Conn) doctor.Finding {
	f := doctor.Finding{Check: "master key", Level: doctor.Fail}
	text, err := e.Secret(app.EnvMasterKey)
	if err == nil && text == "" {
		f.Level, f.Found, f.Advice = doctor.Warn, "not set here", "Run doctor with the environment of api and worker to check it."
		return f
	}
	keys, parsed := store.ParseMasterKeys(text)
	if err != nil || parsed != nil {
		f.Found, f.Advice = errors.Join(err, parsed).Error(), "Set "+app.EnvMasterKey+" as in the other processes."
		return f
	}
	unopened, all, err := openSecrets(ctx, conn, keys)
	switch {
	case err != nil:
		f.Found, f.Advice = err.Error(), "See the findings about Redis."
	case unopened > 0:
		f.Found = fmt.Sprintf("does not open the secrets of %d of %d API keys", unopened, all)
		f.Advice = "Give every process the master key under which they were stored, an older one after a comma."
	default:
		f.Level, f.Found = doctor.OK, fmt.Sprintf("opens the secrets of all %d API keys", all)
	}
	return f
}

func openSecrets(ctx context.Context, conn *redisconn.Conn, masterKeys [][]byte) (unopened, all int, err error) {
	sealer, err := store.NewSealer(masterKeys...)
	if err != nil {
		return 0, 0, err
	}
	client := conn.Client()
	defer client.Close()
	s, err := store.Open(ctx, store.Config{Redis: client, Sealer: sealer, Catalogue: steps.Catalogue(), Log: slog.New(slog.DiscardHandler), ReadOnly: true})
	if err != nil {
		return 0, 0, err
	}
	return s.Keys().Unopened(ctx)
}

func printReport(w io.Writer, r *doctor.Report, asJSON bool) error {
	if asJSON {
		return command.PrintValue(w, r.Findings)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.Findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Level, f.Check, command.Printable(f.Found))
		if f.Advice != "" {
			fmt.Fprintf(t, "\t\t→ %s\n", f.Advice)
		}
	}
	return t.Flush()
}
