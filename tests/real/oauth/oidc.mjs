// A strict OpenID provider: PKCE is asked for, refresh tokens rotate, and the second use of one ends the login.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const life = Number(process.argv[2] ?? 3600);
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'cli',
      client_secret: 'secret-canary-77',
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      token_endpoint_auth_method: 'client_secret_post',
    }],
    claims: { openid: ['sub'], email: ['email'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['test'] },
    features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.org` }) }),
    issueRefreshToken: () => true,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: life, IdToken: 3600, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600 },
  });
  for (const event of ['grant.success', 'grant.error', 'grant.revoked']) {
    provider.on(event, (ctx, error) => console.log(`${event} ${ctx?.oidc?.params?.grant_type ?? ''} ${error?.error ?? ''}`));
  }
  server.on('request', provider.callback());
  console.log(`listening ${issuer}`);
});
