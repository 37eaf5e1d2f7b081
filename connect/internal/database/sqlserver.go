package database

import (
	"errors"
	"net"
	"net/url"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// SQLServer is the type of connections with such a server.
func SQLServer() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "sqlserver", Summary: "A Microsoft SQL Server database.", Fields: databaseFields("1433"),
		Open: func(s flows.ConnectionSettings) (flows.Client, error) {
			config, err := sqlserverConfig(s)
			if err != nil {
				return nil, err
			}
			reading, c := new(responseLimiter), mssql.NewConnectorConfig(config)
			c.Dialer = reading
			return reading.limitPool(newPool(s, flows.SQLServer, c)), nil
		},
	}
}

func sqlserverConfig(s flows.ConnectionSettings) (msdsn.Config, error) {
	trust, err := server.TLSConfig(s)
	if err != nil {
		return msdsn.Config{}, err
	}
	query := url.Values{"database": {s.Text["database"]}, "app name": {"penstock"}, "encrypt": {"true"}}
	if trust == nil {
		query.Set("encrypt", "disable")
	}
	config, err := msdsn.Parse((&url.URL{
		Scheme: "sqlserver", User: url.UserPassword(s.Text["username"], s.Text["password"]),
		Host: net.JoinHostPort(s.Text["host"], s.Text["port"]), RawQuery: query.Encode(),
	}).String())
	if err != nil { // its text may contain the password
		return msdsn.Config{}, errors.New("host, port and database make no address of an SQL Server")
	}
	if trust != nil {
		config.TLSConfig = trust
	}
	config.DialTimeout = server.DialLimit
	return config, nil
}
