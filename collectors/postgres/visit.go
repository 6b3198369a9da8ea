package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
)

// Visit opens one connection to a tenant's database, read-only and with all time limits set,
// hands it to fn and closes it, whatever fn does. When it returns, the server has let the
// connection go too. The errors of both have a reason (collectors.ReasonOf) and quote no values.
//
// Who calls Visit holds a slot of Budget. When the server has no connection for us, all visits to
// the cluster are paused.
func (c *Cluster) Visit(ctx context.Context, database string, fn func(ctx context.Context, conn *pgconn.PgConn) error) error {
	if c.config.StandbyOf != "" {
		return fmt.Errorf("visit %s: %s is a standby", database, c.config.Name)
	}
	asked := time.Now()
	conn, err := c.dialer.open(ctx, database)
	if err != nil {
		c.refused(err)
		return err
	}
	defer conn.close()
	c.gate.admit(asked)
	return Classify(fn(ctx, conn.PgConn))
}

// refused pauses the visits if err says that the cluster or our role has no slot left. A limit of
// one database concerns that database alone.
func (c *Cluster) refused(err error) {
	var server *pgconn.PgError
	if collectors.ReasonOf(err) != collectors.ReasonConnections {
		return
	}
	if errors.As(err, &server) && server.Routine == atDatabase {
		return
	}
	c.gate.refuse(err)
}
