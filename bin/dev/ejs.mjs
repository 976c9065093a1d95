// In the place of the template engine that oclif's help fills `<%= command.id %>` in with.
export default {
  render: (text, context) =>
    text.replaceAll(
      /<%=\s*([\w.]+)\s*%>/g,
      (_, path) => path.split('.').reduce((value, key) => value?.[key], context) ?? '',
    ),
};
