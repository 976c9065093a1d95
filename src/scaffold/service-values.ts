/** A service that the new one calls. */
interface Need {
  readonly name: string;
  /** The path below which it answers: `/api/orders`, or empty. */
  readonly prefix: string;
}

export interface ServiceRecipe {
  readonly name: string;
  readonly project: string;
  /** `/api/orders`; `/` where it has a site of its own or the whole site. */
  readonly route: string;
  readonly needs: readonly Need[];
  /** It has a database of its own. */
  readonly hasDatabase?: boolean;
  /** It has a broker. */
  readonly hasEvents?: boolean;
  /** The type of event that it emits, or that a worker handles. Default: `<name>.created`. */
  readonly eventType?: string;
}

/** What the holes of a service template are filled with. */
export function serviceValues(recipe: ServiceRecipe) {
  const { name, project, route, needs } = recipe;
  return {
    name,
    project,
    route,
    atRoot: route === '/',
    greeting: `hello from ${name}`,
    hasDatabase: recipe.hasDatabase ?? false,
    hasEvents: recipe.hasEvents ?? false,
    eventType: recipe.eventType ?? `${name}.created`,
    doneType: `${name}.done`,
    /** Where a static service's files lie in its container, so that it answers the paths that the edge sends. */
    root: route === '/' ? '/srv' : `/srv${route}`,
    needs: needs.map((need) => {
      const words = need.name.split('-');
      const camel = words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('');
      const constant = words.join('_').toUpperCase();
      return {
        name: need.name,
        camel: `${camel}Service`,
        constant,
        env: `${constant}_URL`,
        url: `http://${need.name}:8080`,
        path: `${need.prefix}/`,
        address: `http://${need.name}:8080${need.prefix}/`,
      };
    }),
    // A page can only call what the edge routes.
    calls: needs
      .filter((need) => need.prefix !== '')
      .map((need) => ({ name: need.name, path: `${need.prefix}/hello` })),
    isOneCall: needs.filter((need) => need.prefix !== '').length === 1,
  } as const;
}
