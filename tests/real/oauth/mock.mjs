// oauth2-mock-server: gives a signed token for whatever it is asked.
import { OAuth2Server } from 'oauth2-mock-server';

const server = new OAuth2Server();
await server.issuer.keys.generate('RS256');
server.service.on('beforeResponse', (_, request) => console.log(`grant.success ${request.body.grant_type}`));
await server.start(0, '127.0.0.1');
console.log(`listening ${server.issuer.url}`);
