package database

import (
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// maxRow is the maximum size of one message of a PostgreSQL server, such as a row, in bytes: the driver reads it
// conn a whole. It is twice the limit of an item.
const maxRow = 128 << 20

// Postgres is the type of connections with such a server.
func Postgres() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "postgres", Summary: "A PostgreSQL database.",
		Fields: append(databaseFields("5432"), flows.ConnectionField{
			Name: "pooler", Kind: flows.FieldChoice, Choices: []string{"none", "session", "transaction"}, Default: "none",
			Summary: "Pooler before the server, such as PgBouncer, by its mode: with `transaction`, no prepared statement outlives its transaction. `none` and `session` behave alike.",
		}),
		Open: func(s flows.ConnectionSettings) (flows.Client, error) {
			trust, err := server.TLSConfig(s)
			if err != nil {
				return nil, err
			}
			// This overrides the environment (PGHOST, PGSSLMODE…).
			config, err := pgx.ParseConfig("host=localhost user=penstock sslmode=disable")
			if err != nil {
				return nil, fmt.Errorf("make configuration: %w", err)
			}
			config.Host, config.Port = s.Text["host"], uint16(s.Number("port"))
			config.User, config.Password, config.Database = s.Text["username"], s.Text["password"], s.Text["database"]
			config.TLSConfig, config.Fallbacks = trust, nil
			config.ConnectTimeout = server.DialLimit
			config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
				frontend := pgproto3.NewFrontend(r, w)
				frontend.SetMaxBodyLen(maxRow)
				return frontend
			}
			config.RuntimeParams = map[string]string{"application_name": "penstock", "timezone": "UTC"}
			if s.Text["pooler"] == "transaction" {
				config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
			}
			return newPool(s, flows.Postgres, postgresConnector{stdlib.GetConnector(*config)}), nil
		},
	}
}
